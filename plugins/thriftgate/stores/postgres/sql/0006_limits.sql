-- Limits that all workers and gateways share. Unlogged: after a crash every bucket is full and nothing is reserved.
-- The rule is that of limits/bucket.py, number for number; times are seconds of the database's clock.
CREATE UNLOGGED TABLE limit_buckets (
    name    text PRIMARY KEY,
    level   float8 NOT NULL,
    at      float8 NOT NULL,
    full_at float8 NOT NULL             -- from then on the row says nothing
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE limit_slots (
    name    text NOT NULL,
    id      text NOT NULL,
    ends_at float8 NOT NULL,
    PRIMARY KEY (name, id)
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE limit_reservations (
    id         text PRIMARY KEY,
    ends_at    float8 NOT NULL,
    buckets    text[] NOT NULL,
    capacities float8[] NOT NULL,
    refills    float8[] NOT NULL,
    amounts    float8[] NOT NULL,
    slots      text[] NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX limit_reservations_by_end ON limit_reservations (ends_at);

-- Whoever changes a limit holds its lock to the end of the transaction, and takes several in one order: nobody reads
-- what somebody else is about to change, and no two wait for each other.
CREATE FUNCTION limits_lock(names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    lock bigint;
BEGIN
    FOR lock IN SELECT DISTINCT hashtextextended('thriftgate limits ' || name, 0) FROM unnest(names) name ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(lock);
    END LOOP;
END
$$;

CREATE FUNCTION limits_bucket_at(name_ text, now_ float8, capacity float8, refill float8, OUT level float8, OUT at float8)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT b.level, b.at INTO level, at FROM limit_buckets b WHERE b.name = name_;
    IF NOT FOUND THEN
        level := capacity;
        at := now_;
    ELSIF now_ < at THEN
        level := least(capacity, level);
        -- A clock a little behind is waited for; further back it was set, and is believed.
        at := CASE WHEN now_ - at < -1.0 THEN now_ ELSE at END;
    ELSE
        level := least(capacity, level + (now_ - at) * refill);
        at := now_;
    END IF;
END
$$;

CREATE FUNCTION limits_put(name_ text, level_ float8, at_ float8, capacity float8, refill float8) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO limit_buckets AS b (name, level, at, full_at)
    VALUES (name_, level_, at_, at_ + greatest(0, capacity - level_) / refill)
    ON CONFLICT (name) DO UPDATE SET level = excluded.level, at = excluded.at, full_at = excluded.full_at
$$;

-- limiting: 0 when everything was granted, else the position of the limit that is waited for the longest, slots after
-- buckets. numbers: what is in each bucket, then (when granted) how many run in each slot.
CREATE FUNCTION limits_take(
    id_ text, lease float8, given float8, buckets_ text[], capacities_ float8[], refills_ float8[], amounts_ float8[],
    slots_ text[], sizes int[], OUT limiting int, OUT wait float8, OUT numbers float8[]
) LANGUAGE plpgsql AS $$
DECLARE
    n int := cardinality(buckets_);
    now_ float8;
    times float8[] := '{}';
    running int[] := '{}';
    this float8;
    bucket record;
BEGIN
    PERFORM limits_lock(buckets_ || slots_);
    now_ := coalesce(given, extract(epoch FROM clock_timestamp())::float8);
    limiting := 0;
    wait := -1;
    numbers := '{}';
    FOR i IN 1 .. n LOOP
        SELECT * INTO bucket FROM limits_bucket_at(buckets_[i], now_, capacities_[i], refills_[i]);
        numbers[i] := bucket.level;
        times[i] := bucket.at;
        IF numbers[i] < amounts_[i] THEN
            this := CASE WHEN amounts_[i] > capacities_[i] THEN 'Infinity'
                ELSE (amounts_[i] - numbers[i]) / refills_[i] + 0.001 END;
            IF this > wait THEN
                wait := this;
                limiting := i;
            END IF;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(slots_) LOOP
        DELETE FROM limit_slots WHERE name = slots_[i] AND ends_at <= now_;
        running[i] := (SELECT count(*) FROM limit_slots WHERE name = slots_[i]);
        IF limiting = 0 AND running[i] >= sizes[i] THEN
            limiting := n + i;
        END IF;
    END LOOP;
    IF limiting > 0 THEN
        RETURN;
    END IF;
    FOR i IN 1 .. n LOOP
        numbers[i] := numbers[i] - amounts_[i];
        PERFORM limits_put(buckets_[i], numbers[i], times[i], capacities_[i], refills_[i]);
    END LOOP;
    FOR i IN 1 .. cardinality(slots_) LOOP
        INSERT INTO limit_slots VALUES (slots_[i], id_, now_ + lease);
        numbers[n + i] := running[i] + 1;
    END LOOP;
    INSERT INTO limit_reservations VALUES (id_, now_ + lease, buckets_, capacities_, refills_, amounts_, slots_);
END
$$;

CREATE FUNCTION limits_settle(
    id_ text, given float8, buckets_ text[], capacities_ float8[], refills_ float8[], amounts_ float8[],
    used float8[], slots_ text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    now_ float8;
    is_open boolean;
    difference float8;
    bucket record;
BEGIN
    PERFORM limits_lock(buckets_ || slots_);
    now_ := coalesce(given, extract(epoch FROM clock_timestamp())::float8);
    DELETE FROM limit_reservations WHERE id = id_;
    is_open := FOUND;
    DELETE FROM limit_slots WHERE name = ANY (slots_) AND id = id_;
    FOR i IN 1 .. cardinality(buckets_) LOOP
        difference := used[i] - CASE WHEN is_open THEN amounts_[i] ELSE 0 END;
        IF difference <> 0 THEN
            SELECT * INTO bucket FROM limits_bucket_at(buckets_[i], now_, capacities_[i], refills_[i]);
            PERFORM limits_put(
                buckets_[i], least(capacities_[i], bucket.level - difference), bucket.at, capacities_[i], refills_[i]
            );
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION limits_renew(ids text[], lease float8, given float8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    now_ float8 := coalesce(given, extract(epoch FROM clock_timestamp())::float8);
BEGIN
    WITH alive AS (
        UPDATE limit_reservations SET ends_at = now_ + lease WHERE id = ANY (ids) AND ends_at > now_ RETURNING id, slots
    )
    UPDATE limit_slots s SET ends_at = now_ + lease FROM alive a WHERE s.id = a.id AND s.name = ANY (a.slots);
END
$$;

-- Gives back what the dead had reserved, and forgets buckets that are full. One at a time does.
CREATE FUNCTION limits_sweep(most int, given float8) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    now_ float8;
    ids text[];
    dead record;
    bucket record;
    n int := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('thriftgate limits sweep', 1)) THEN
        RETURN 0;
    END IF;
    now_ := coalesce(given, extract(epoch FROM clock_timestamp())::float8);
    ids := ARRAY(SELECT id FROM limit_reservations WHERE ends_at <= now_ ORDER BY ends_at LIMIT most);
    PERFORM limits_lock(ARRAY(
        SELECT DISTINCT name FROM limit_reservations, unnest(buckets || slots) name WHERE id = ANY (ids)
    ));
    FOR dead IN DELETE FROM limit_reservations WHERE id = ANY (ids) AND ends_at <= now_ RETURNING * LOOP
        n := n + 1;
        FOR i IN 1 .. cardinality(dead.buckets) LOOP
            SELECT * INTO bucket
            FROM limits_bucket_at(dead.buckets[i], now_, dead.capacities[i], dead.refills[i]);
            PERFORM limits_put(
                dead.buckets[i], least(dead.capacities[i], bucket.level + dead.amounts[i]), bucket.at,
                dead.capacities[i], dead.refills[i]
            );
        END LOOP;
        DELETE FROM limit_slots WHERE id = dead.id AND name = ANY (dead.slots);
    END LOOP;
    FOR bucket IN SELECT name FROM limit_buckets WHERE full_at < now_ - 60 LIMIT most LOOP
        IF pg_try_advisory_xact_lock(hashtextextended('thriftgate limits ' || bucket.name, 0)) THEN
            DELETE FROM limit_buckets WHERE name = bucket.name AND full_at < now_ - 60;
        END IF;
    END LOOP;
    DELETE FROM limit_slots s USING (
        SELECT name, id FROM limit_slots WHERE ends_at <= now_ - 60 LIMIT most FOR UPDATE SKIP LOCKED
    ) old WHERE s.name = old.name AND s.id = old.id;
    RETURN n;
END
$$;
