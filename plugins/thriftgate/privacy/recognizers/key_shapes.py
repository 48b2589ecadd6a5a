"""The shapes that providers give their keys, each told by how it begins or by a sign of its own.

Failure behaviour: pure and total. Linear: every repetition is bounded.
"""

import re
from collections.abc import Iterator

from thriftgate.privacy.scanning import REACH, Scan

_BEGUN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(
        [
            r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
            r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",
            r"gl(?:pat|dt|ptt|rt|soat|agent|ft|imt|cbt)-[\w-]{20,64}(?:\.[\w-]{2,3}\.[a-z0-9]{9})?",
            r"xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-[A-Za-z0-9-]{10,250}",
            r"(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/=]{24,64}",
            r"sk-(?:ant|proj|svcacct|admin|or|None)-[\w-]{16,250}|sk-[A-Za-z0-9_-]{20,250}",
            r"AIza[\w-]{30,45}|ya29\.[\w-]{20,400}|GOCSPX-[\w-]{20,40}|1//0[\w-]{30,120}",
            r"hf_[A-Za-z0-9]{25,80}|api_org_[A-Za-z]{30,60}",
            r"npm_[A-Za-z0-9]{30,60}|pypi-[\w-]{40,250}|rubygems_[a-f0-9]{48}",
            r"SG\.[\w-]{16,32}\.[\w-]{30,64}|key-[0-9a-f]{32}|(?:SK|AC)[0-9a-f]{32}|re_[A-Za-z0-9_]{24,60}",
            r"\d{8,10}:AA[\w-]{32,40}",
            r"eyJ[\w-]{10,4000}\.eyJ[\w-]{4,8000}(?:\.[\w-]{0,2000})?",
            r"do[orp]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
            r"dapi[a-f0-9]{32}(?:-\d)?|sq0(?:atp|csp)-[\w-]{22,43}",
            r"gsk_[A-Za-z0-9]{30,80}|xai-[A-Za-z0-9]{40,120}",
            r"r8_[A-Za-z0-9]{30,60}|pplx-[A-Za-z0-9]{30,80}|fw_[A-Za-z0-9]{20,40}",
            r"hv[sbr]\.[\w-]{20,250}|lin_api_[A-Za-z0-9]{30,60}",
            r"(?:ntn|secret)_[A-Za-z0-9]{40,60}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
            r"NRAK-[A-Z0-9]{27}|dckr_pat_[\w-]{20,60}",
            r"ATATT3[\w=-]{20,250}|HRKU-[\w-]{30,80}|dp\.(?:pt|st|ct|sa)\.[\w.-]{30,80}",
            r"sq[apub]_[a-f0-9]{40}(?![A-Za-z0-9])|fo1_[\w-]{40,60}|sl\.(?:[u]\.)?(?=[\w-]{0,40}\d)[\w-]{100,400}",
            r"AGE-SECRET-KEY-1[A-Z0-9]{58}|FLWSECK(?:_TEST)?-[\w-]{12,60}",
            r"EAA[A-Za-z0-9]{60,250}|PRIVATE-[a-f0-9]{32,64}",
            r"AccountKey=[A-Za-z0-9+/]{40,100}={0,2}|sig=(?!eyJ)[A-Za-z0-9%+/]{40,600}(?:%3D|=){0,2}",
            r"sk_(?=[A-Za-z_-]{0,30}\d)[\w-]{32,64}(?![\w-])|pdl_(?:live|sdbx)_apikey_\w{30,90}|wandb_v1_\w{40,120}",
            r"tr_(?:dev|prod|stg)_[A-Za-z0-9]{16,40}|mcp_[A-Za-z0-9]{32,80}|signkey-[a-z]{2,10}-[0-9a-f]{32,64}|aio_[A-Za-z0-9]{28}",
            r"(?:as|ak)-(?=[A-Za-z]{0,20}\d)[A-Za-z0-9]{22}(?!\w)|(?:app|dataset)-(?=[a-z]{0,23}[A-Z])[A-Za-z0-9]{24}(?!\w)",
            r"00D[A-Za-z0-9]{12,15}![\w.]{60,140}|SCW(?=[A-Z]{0,16}\d)[A-Z0-9]{17}(?!\w)|secret-(?:live|test)-[\w-]{30,40}=?",
            r"sb_secret_[\w-]{20,80}",
            r"ABSK[A-Za-z0-9+/]{60,200}={0,2}|bedrock-api-key-[A-Za-z0-9+/=_-]{20,2000}",
            r"(?:ops|fm[12]|FlyV1)[_ ](?=[A-Za-z_/+-]{0,30}\d)[A-Za-z0-9+/=_-]{60,2000}|fc-[0-9a-f]{32}(?![\w-])",
            r"pa-(?=[a-z_-]{0,30}[A-Z])(?=[A-Za-z_-]{0,30}\d)[\w-]{43}(?![\w-])",
            r"fio-u-[\w-]{40,80}|duffel_(?:live|test)_[\w-]{40,50}",
            r"pscale_(?:tkn|pw|oauth)_[\w-]{30,80}|CFPAT-[\w-]{30,60}|CCIPAT_[A-Za-z0-9]{10,30}_[a-f0-9]{30,60}",
            r"(?:(?!pk_|publishable_)[a-z]{2,12}_(?:live|prod|sandbox)|(?:rzp|cko|duffel|seam|xendit|shippo|flw|mollie)_test)"
            r"_(?=[A-Za-z]{0,30}\d)[A-Za-z0-9]{14,250}(?![\w-])",
            r"access_token\$(?:production|sandbox)\$[a-z0-9]{10,20}\$[a-f0-9]{32}|xoxe\.xox[bp]-[A-Za-z0-9-]{10,250}",
            r"sntry[su]_[A-Za-z0-9+/=_-]{40,300}",
            r"snyk_(?:uat|sat)\.[a-z0-9]{6,10}\.[\w.-]{30,200}|xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
            r"(?:sk|pk|tk)\.eyJ[\w-]{20,400}\.[\w-]{16,64}|pk_\d{6,12}_[A-Z0-9]{32}",
            r"EAAA[\w-]{50,80}|EZ[AT]K[A-Za-z0-9]{54}",
            r"LTAI[A-Za-z0-9]{16,24}|AKID[A-Za-z0-9]{24,40}",
            r"AQVN[\w-]{30,50}|AQ\.[\w-]{40,80}|v1\.0-[a-f0-9]{24}-[a-f0-9]{100,200}",
            r"dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}",
            r"A3-[A-Z0-9]{6}-[A-Z0-9]{6}(?:-[A-Z0-9]{5}){4}|tskey-[a-z]{3,10}-[\w-]{16,80}",
            r"ATCTT3[\w=-]{20,250}|ATBB[A-Za-z0-9]{28,40}",
            r"dckr_oat_[\w-]{20,60}|oy2[a-z0-9]{43}|pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
            r"(?:pat-[a-z]{2}\d|sdk|mob|access-(?:production|sandbox|development))-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ]
    )
    + r")"
)  # fmt: skip
_BEGUN_LIKE_A_NAME = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:figd|patp|tfp|sbp|supabase|glsa|glc|sntrys|phc|phx|lsv2_pt|lsv2_sk|nvapi|pul|rpa|vcp|cio"
    r"|tvly(?:-dev|-prod)?|tgp_v1|jina|pcsk|e2b|nfp|rnd|napi|pnu|bkua|rdme|hcaik|hcbik|csk)[_-](?P<tail>[\w-]{24,250}))"
)
"""A function, a file or a model may begin so too: what follows must be no words."""
_LONG_RUN = re.compile(r"(?=[A-Za-z]{0,19}\d)(?=\d{0,19}[A-Za-z])[A-Za-z0-9]{20}")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
_FEWEST_CHANGES = 0.3
"""Of the characters, where lower case, upper case and digits change places: at random .4 and more, in names .2."""
SURELY_HAS = 50_000
"""Longer texts are not asked first whether they have any beginning or word: they do, and asking is one long step."""
_LONGEST_KEY = 14_200
"""A token of three parts."""
_PREFIXES = (
    "AKIA", "ASIA", "ABIA", "ACCA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "gl", "xox", "xapp-",
    "_live_", "_test_", "_prod_", "whsec_", "sk-", "AIza", "ya29.", "GOCSPX-", "1//0", "hf_", "api_org_", "npm_",
    "pypi-", "rubygems_", "SG.", "key-", "SK", "AC", "re_", ":AA", "eyJ", "_v1_", "shp", "dapi", "sq0", "gsk_",
    "xai-", "r8_", "pplx-", "fw_", "hvs.", "hvb.", "hvr.", "lin_api_", "ntn_", "secret_", "PMAK-", "NRAK-",
    "dckr_", "ATATT3", "HRKU-", "dp.", "AGE-SECRET", "FLWSECK", "EAA", "PRIVATE-", "figd", "patp", "tfp", "sbp",
    "supabase", "sntrys", "phc", "phx", "lsv2_", "nvapi", "pul", "rpa", "vcp", "cio", "AccountKey=", "sig=",
    "sk_", "pdl_", "wandb_", "tr_", "mcp_", "signkey-", "aio_", "as-", "ak-", "app-", "dataset-", "00D", "SCW",
    "secret-",
    "sb_", "ABSK", "bedrock-", "tvly", "tgp_", "jina", "pcsk", "e2b", "nfp", "rnd", "napi", "pnu", "bkua", "rdme",
    "hcaik", "hcbik", "csk", "ops_", "fm1", "fm2", "FlyV1", "fc-", "pa-", "fio-", "duffel_", "pscale_", "CFPAT-",
    "CCIPAT_", "_sandbox_", "access", "sntry", "snyk_", "xkeysib-", ".eyJ", "pk_", "EZ", "LTAI", "AKID", "AQVN",
    "AQ.", "v1.0-", "dt0", "A3-", "tskey-", "ATCTT3", "ATBB", "oy2", "pat", "sdk-", "mob-", "sq", "sl.", "fo1_",
)  # fmt: skip
_MARKED = tuple(
    (mark, re.compile(rf"(?<![A-Za-z0-9])(?:{shape})"))
    for mark, shape in (
        (".", r"[MNO][A-Za-z\d]{23,27}\.[\w-]{6}\.[\w-]{27,45}"),
        (".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,80}"),
        ("-us", r"[0-9a-f]{32}-us\d{1,2}(?!\w)"),
        ("AZDO", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}"),
        ("Q~", r"[\w~.]{3}[78]Q~[\w.~-]{31,37}"),
        (
            "$",
            r"\$(?:2[abxy]|[156y]|apr1|argon2[id]{1,2}|scrypt|pbkdf2(?:-\w{1,8})?)\$(?:[\w.=,/+-]{1,100}\$){0,3}[\w./+=-]{20,200}",
        ),
        ("/", r"\d/\d{12,18}/\d{12,18}:[a-f0-9]{32}"),
    )
)
_HOOKS = re.compile(
    r"https://(?:(?:hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)|hooks\.zapier\.com/hooks/catch"
    r"|(?:ptb\.|canary\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks|[\w-]{1,60}\.webhook\.office\.com/webhookb2"
    r"|maker\.ifttt\.com/trigger/[\w-]{1,60}/with/key|hook\.[a-z]{2}\d\.make\.com)/[\w/@-]{12,300}"
    r"|api\.telegram\.org/bot\d{6,12}:[\w-]{30,50}"
    r"|chat\.googleapis\.com/v1/spaces/[\w-]{4,40}/messages\?[\w%&=.-]{20,300}"
    r"|[0-9a-f]{32}(?::[0-9a-f]{32})?@[\w.-]{4,80}/\d{1,12})"
)
"""Addresses that let whoever knows them write somewhere."""


def shaped(text: str) -> Iterator[tuple[int, int] | None]:
    """Where the keys of known shapes are; None is a pause."""
    shapes = [(shape, REACH) for mark, shape in _MARKED if mark in text]
    if len(text) > SURELY_HAS or any(prefix in text for prefix in _PREFIXES):
        shapes += [(_BEGUN, _LONGEST_KEY), (_BEGUN_LIKE_A_NAME, REACH)]
    if "https://" in text:
        shapes.append((_HOOKS, REACH))
    for shape, reach in shapes:
        for match in Scan(shape, text, reach=reach):
            if match is None:
                yield None
            elif shape is not _BEGUN_LIKE_A_NAME or _is_random(match["tail"]):
                yield match.span()


def _is_random(tail: str) -> bool:
    return _LONG_RUN.search(tail) is not None or len(_CHANGE.findall(tail)) >= _FEWEST_CHANGES * len(tail)
