-- What has gone from an account (a key, a user, a team or a route) in a day or month, and what requests under way hold.
-- Windows are named 2026-11-28 and 2026-11, in UTC.
CREATE TABLE budget_windows (
    kind        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    window_name text COLLATE "C" NOT NULL,
    spent_usd   double precision NOT NULL,
    PRIMARY KEY (kind, name, window_name)
);

CREATE TABLE budget_reservations (
    reservation_id text NOT NULL,
    kind           text COLLATE "C" NOT NULL,
    name           text COLLATE "C" NOT NULL,
    window_name    text COLLATE "C" NOT NULL,
    usd            double precision NOT NULL,
    expires_at     double precision NOT NULL,
    PRIMARY KEY (reservation_id, kind, name, window_name)
);

CREATE INDEX budget_reservations_by_window ON budget_reservations (kind, name, window_name);
CREATE INDEX budget_reservations_by_end ON budget_reservations (expires_at);

-- One round trip. Windows are locked in one order for everybody, and each statement sees what was committed before it,
-- so that no two workers spend the same money. A window that does not exist yet is returned with nothing spent known.
-- A budget without a limit (NULL) admits everything. The rule itself stands in identity/budgets.py as `admits`.
CREATE FUNCTION reserve_budgets(
    wanted_id text, kinds text[], names text[], windows text[], limits float8[], most float8, at float8, until float8
) RETURNS TABLE (place integer, spent float8, reserved float8, is_admitted boolean) LANGUAGE plpgsql AS $$
DECLARE
    wanted record;
    everybody boolean := true;
BEGIN
    FOR wanted IN
        SELECT DISTINCT u.k COLLATE "C" AS k, u.n COLLATE "C" AS n, u.w COLLATE "C" AS w
        FROM unnest(kinds, names, windows) AS u (k, n, w) ORDER BY 1, 2, 3
    LOOP
        PERFORM 1 FROM budget_windows b
        WHERE b.kind = wanted.k AND b.name = wanted.n AND b.window_name = wanted.w FOR UPDATE;
    END LOOP;
    FOR place IN 1 .. cardinality(kinds) LOOP
        spent := NULL;
        SELECT b.spent_usd INTO spent FROM budget_windows b
        WHERE b.kind = kinds[place] AND b.name = names[place] AND b.window_name = windows[place];
        SELECT coalesce(sum(r.usd), 0) INTO reserved FROM budget_reservations r
        WHERE r.kind = kinds[place] AND r.name = names[place] AND r.window_name = windows[place] AND r.expires_at > at;
        is_admitted := spent IS NOT NULL AND (
            limits[place] IS NULL
            OR spent + reserved + most <= limits[place]
            OR (reserved <= 0 AND spent < limits[place])
        );
        everybody := everybody AND is_admitted;
        RETURN NEXT;
    END LOOP;
    IF everybody THEN
        INSERT INTO budget_reservations
        SELECT DISTINCT wanted_id, u.k, u.n, u.w, most, until FROM unnest(kinds, names, windows) AS u (k, n, w);
    END IF;
END
$$;

-- What a request did cost takes the place of what it held, once: who comes a second time finds nothing to settle.
CREATE FUNCTION settle_budgets(wanted_id text, cost float8)
RETURNS TABLE (kind text, name text, window_name text, spent float8) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    FOR held IN
        WITH gone AS (DELETE FROM budget_reservations b WHERE b.reservation_id = wanted_id RETURNING b.*)
        SELECT * FROM gone ORDER BY gone.kind, gone.name, gone.window_name
    LOOP
        RETURN QUERY UPDATE budget_windows b SET spent_usd = b.spent_usd + cost
        WHERE b.kind = held.kind AND b.name = held.name AND b.window_name = held.window_name
        RETURNING b.kind, b.name, b.window_name, b.spent_usd;
    END LOOP;
END
$$;
