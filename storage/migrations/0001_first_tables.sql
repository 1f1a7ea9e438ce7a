-- The first tables. The schema gwanje and the table gwanje.migration exist already.

-- Time series -------------------------------------------------------------------------------------------------------

-- What the maintenance of partitions has to know. 'native': partitioned by range, a default partition included, so that
-- no row is ever without a place. 'hypertable': TimescaleDB makes the chunks itself.
CREATE TABLE gwanje.series (
    name        text PRIMARY KEY,
    time_column text NOT NULL,
    step        text NOT NULL CHECK (step IN ('day', 'month')),
    method      text NOT NULL CHECK (method IN ('native', 'hypertable'))
);

CREATE FUNCTION gwanje.create_series(series_name text, time_column text, step text, columns text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    hypertable boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
    IF hypertable THEN
        EXECUTE format('CREATE TABLE gwanje.%I (%s)', series_name, columns);
        EXECUTE format(
            'SELECT create_hypertable(%L::regclass, %L::name, chunk_time_interval => %L::interval, create_default_indexes => false)',
            'gwanje.' || series_name, time_column, '1 ' || step);
    ELSE
        EXECUTE format('CREATE TABLE gwanje.%I (%s) PARTITION BY RANGE (%I)', series_name, columns, time_column);
        EXECUTE format('CREATE TABLE gwanje.%I PARTITION OF gwanje.%I DEFAULT', series_name || '_default', series_name);
    END IF;
    EXECUTE format('CREATE INDEX %I ON gwanje.%I USING brin (%I)', series_name || '_brin', series_name, time_column);
    INSERT INTO gwanje.series VALUES (
        series_name, time_column, step, CASE WHEN hypertable THEN 'hypertable' ELSE 'native' END);
END
$$;

-- The numbers below are columns of numpy arrays, which know no NULL: a missing real is NaN.

SELECT gwanje.create_series('vds_lane', 'time', 'day', $$
    time          timestamptz NOT NULL,
    received      timestamptz NOT NULL,
    device        integer     NOT NULL,
    period_s      real        NOT NULL,
    volume        real        NOT NULL,
    speed_kmh     real        NOT NULL,
    occupancy_pct real        NOT NULL,
    heavy         real        NOT NULL,
    lane          smallint    NOT NULL,
    quality       smallint    NOT NULL
$$);
CREATE INDEX vds_lane_device ON gwanje.vds_lane (device, time DESC);

SELECT gwanje.create_series('slope_reading', 'time', 'month', $$
    time               timestamptz NOT NULL,
    received           timestamptz NOT NULL,
    device             integer     NOT NULL,
    rain_mm_total      real        NOT NULL,
    tilt_x_deg         real        NOT NULL,
    tilt_y_deg         real        NOT NULL,
    soil_moisture_frac real[]      NOT NULL,
    pore_pressure_kpa  real        NOT NULL,
    extension_mm       real        NOT NULL,
    battery_v          real        NOT NULL,
    rssi_dbm           real        NOT NULL,
    quality            smallint    NOT NULL
$$);
CREATE INDEX slope_reading_device ON gwanje.slope_reading (device, time DESC);

SELECT gwanje.create_series('weather_reading', 'time', 'month', $$
    time           timestamptz NOT NULL,
    received       timestamptz NOT NULL,
    device         integer     NOT NULL,
    temp_c         real        NOT NULL,
    rh_pct         real        NOT NULL,
    wind_kmh       real        NOT NULL,
    wind_deg       real        NOT NULL,
    rain_mm_total  real        NOT NULL,
    visibility_m   real        NOT NULL,
    road_surface_c real        NOT NULL,
    road_state     smallint    NOT NULL,
    quality        smallint    NOT NULL
$$);
CREATE INDEX weather_reading_device ON gwanje.weather_reading (device, time DESC);

SELECT gwanje.create_series('device_event', 'time', 'month', $$
    time     timestamptz NOT NULL,
    received timestamptz NOT NULL,
    device   integer     NOT NULL,
    kind     text        NOT NULL,
    stream   text        NOT NULL,
    seq      bigint      NOT NULL,
    payload  jsonb       NOT NULL
$$);
CREATE INDEX device_event_device ON gwanje.device_event (device, time DESC);

SELECT gwanje.create_series('dead_letter', 'received', 'month', $$
    received   timestamptz NOT NULL,
    topic      text        NOT NULL,
    device     text,
    field      text        NOT NULL,
    problem    text        NOT NULL,
    size_bytes integer     NOT NULL,
    payload    bytea       NOT NULL CHECK (octet_length(payload) <= 4096)
$$);
CREATE INDEX dead_letter_received ON gwanje.dead_letter (received DESC);

-- Devices -----------------------------------------------------------------------------------------------------------

-- A key is given once and never again, so that readings keep their device when the catalogue changes.
CREATE TABLE gwanje.device (
    key      integer PRIMARY KEY,
    id       text NOT NULL UNIQUE,
    kind     text NOT NULL,
    district text NOT NULL
);

-- Findings, situations, alerts ---------------------------------------------------------------------------------------

CREATE TABLE gwanje.finding (
    id      text PRIMARY KEY,
    rule    text        NOT NULL,
    subject text        NOT NULL,
    level   text        NOT NULL,
    active  boolean     NOT NULL,
    onset   timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    body    jsonb       NOT NULL
);
CREATE INDEX finding_active ON gwanje.finding (updated DESC) WHERE active;

CREATE TABLE gwanje.finding_change (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding text        NOT NULL REFERENCES gwanje.finding,
    at      timestamptz NOT NULL,
    level   text        NOT NULL,
    active  boolean     NOT NULL,
    body    jsonb       NOT NULL
);
CREATE INDEX finding_change_finding ON gwanje.finding_change (finding, id);

CREATE TABLE gwanje.situation (
    id      text PRIMARY KEY,
    active  boolean     NOT NULL,
    version integer     NOT NULL,
    updated timestamptz NOT NULL,
    body    jsonb       NOT NULL
);
CREATE INDEX situation_active ON gwanje.situation (updated DESC) WHERE active;

CREATE TABLE gwanje.alert (
    id      text PRIMARY KEY,
    version integer     NOT NULL,
    state   text        NOT NULL,
    updated timestamptz NOT NULL,
    body    jsonb       NOT NULL
);
CREATE INDEX alert_updated ON gwanje.alert (updated DESC);

-- One row for one message to one target; the unique key is what keeps an alert from being sent twice.
CREATE TABLE gwanje.outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert    text        NOT NULL REFERENCES gwanje.alert,
    version  integer     NOT NULL,
    channel  text        NOT NULL,
    target   text        NOT NULL,
    body     jsonb       NOT NULL,
    state    text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'shown', 'refused', 'failed')),
    attempts integer     NOT NULL DEFAULT 0,
    detail   text,
    created  timestamptz NOT NULL,
    updated  timestamptz NOT NULL,
    UNIQUE (alert, version, channel, target)
);
CREATE INDEX outbox_waiting ON gwanje.outbox (id) WHERE state = 'waiting';

-- Offsets run from 1 without a gap within an epoch; the row of the epoch is locked while one is given, so that they
-- become visible in their order.
CREATE TABLE gwanje.citizen_epoch (
    epoch        text PRIMARY KEY,
    number       bigint GENERATED ALWAYS AS IDENTITY,
    last_offset  bigint      NOT NULL DEFAULT 0,
    first_offset bigint      NOT NULL DEFAULT 1,
    created      timestamptz NOT NULL
);

CREATE TABLE gwanje.citizen_log (
    epoch    text        NOT NULL REFERENCES gwanje.citizen_epoch,
    "offset" bigint      NOT NULL,
    alert    text        NOT NULL,
    district text        NOT NULL,
    language text        NOT NULL,
    created  timestamptz NOT NULL,
    body     jsonb       NOT NULL,
    PRIMARY KEY (epoch, "offset")
);

-- Audit -------------------------------------------------------------------------------------------------------------

CREATE TABLE gwanje.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    who     text        NOT NULL,
    action  text        NOT NULL,
    subject text        NOT NULL,
    before  jsonb,
    after   jsonb
);
CREATE INDEX audit_subject ON gwanje.audit (subject, id DESC);

CREATE FUNCTION gwanje.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'gwanje.% is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gwanje.audit
    FOR EACH STATEMENT EXECUTE FUNCTION gwanje.refuse_change();
