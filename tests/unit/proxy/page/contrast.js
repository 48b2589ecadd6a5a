// The contrast of every text that is shown with what is painted behind it (WCAG 2.2, 1.4.3).
(() => {
  const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [red, green, blue, alpha = 1] = channels(getComputedStyle(one).backgroundColor);
      if (alpha === 1) return [red, green, blue];
      if (alpha > 0) throw new Error("a ground that is half seen through");
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    const box = element.getBoundingClientRect();
    if (!text || box.width < 2 || box.height < 2 || element.closest(".aside, .skip")) continue;
    const pair = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => a - b);
    found.push({ text: text.slice(0, 40), contrast: (pair[1] + 0.05) / (pair[0] + 0.05) });
  }
  return found;
})()
