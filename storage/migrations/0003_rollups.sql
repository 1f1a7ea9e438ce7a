-- Values of 5 minutes and of an hour, typical values of a day, and what has to be computed anew.
--
-- Reals are never NULL here either: a missing one is NaN, so that numpy reads a binary COPY of them.

SELECT gwanje.create_series('vds_5min', 'bucket', 'day', $$
    bucket        timestamptz NOT NULL,
    device        integer     NOT NULL,
    lane          smallint    NOT NULL,
    n_reading     integer     NOT NULL,
    n_doubtful    integer     NOT NULL,
    observed_s    real        NOT NULL,
    volume        real        NOT NULL,
    heavy         real        NOT NULL,
    heavy_volume  real        NOT NULL,
    speed_kmh     real        NOT NULL,
    speed_volume  real        NOT NULL,
    occupancy_pct real        NOT NULL,
    occupancy_s   real        NOT NULL
$$);
CREATE UNIQUE INDEX vds_5min_key ON gwanje.vds_5min (device, lane, bucket);

SELECT gwanje.create_series('vds_hour', 'bucket', 'month', $$
    bucket        timestamptz NOT NULL,
    device        integer     NOT NULL,
    lane          smallint    NOT NULL,
    n_reading     integer     NOT NULL,
    n_doubtful    integer     NOT NULL,
    observed_s    real        NOT NULL,
    volume        real        NOT NULL,
    heavy         real        NOT NULL,
    heavy_volume  real        NOT NULL,
    speed_kmh     real        NOT NULL,
    speed_volume  real        NOT NULL,
    occupancy_pct real        NOT NULL,
    occupancy_s   real        NOT NULL
$$);
CREATE UNIQUE INDEX vds_hour_key ON gwanje.vds_hour (device, lane, bucket);

SELECT gwanje.create_series('slope_hour', 'bucket', 'month', $$
    bucket                timestamptz NOT NULL,
    device                integer     NOT NULL,
    n_reading             integer     NOT NULL,
    n_doubtful            integer     NOT NULL,
    rain_mm               real        NOT NULL,
    rain_s                real        NOT NULL,
    tilt_x_deg            real        NOT NULL,
    tilt_y_deg            real        NOT NULL,
    pore_pressure_kpa     real        NOT NULL,
    pore_pressure_max_kpa real        NOT NULL,
    extension_mm          real        NOT NULL,
    extension_max_mm      real        NOT NULL,
    battery_min_v         real        NOT NULL,
    rssi_dbm              real        NOT NULL
$$);
CREATE UNIQUE INDEX slope_hour_key ON gwanje.slope_hour (device, bucket);

SELECT gwanje.create_series('weather_hour', 'bucket', 'month', $$
    bucket             timestamptz NOT NULL,
    device             integer     NOT NULL,
    n_reading          integer     NOT NULL,
    n_doubtful         integer     NOT NULL,
    rain_mm            real        NOT NULL,
    rain_s             real        NOT NULL,
    temp_c             real        NOT NULL,
    temp_min_c         real        NOT NULL,
    temp_max_c         real        NOT NULL,
    rh_pct             real        NOT NULL,
    wind_kmh           real        NOT NULL,
    wind_max_kmh       real        NOT NULL,
    wind_deg           real        NOT NULL,
    visibility_min_m   real        NOT NULL,
    road_surface_c     real        NOT NULL,
    road_surface_min_c real        NOT NULL
$$);
CREATE UNIQUE INDEX weather_hour_key ON gwanje.weather_hour (device, bucket);

-- What a writer changed. Appended to and never updated, so that the hot path waits for nobody; the job deletes what it
-- saw before it read the rows.
CREATE TABLE gwanje.rollup_mark (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series text        NOT NULL,
    bucket timestamptz NOT NULL
);

INSERT INTO gwanje.rollup_mark (series, bucket)
SELECT DISTINCT 'vds_lane', date_bin('5 minutes', time - least(period_s / 2, 150) * interval '1 second', '2000-01-01Z')
FROM gwanje.vds_lane WHERE isfinite(time)
UNION ALL
SELECT DISTINCT 'slope_reading', date_bin('1 hour', time, '2000-01-01Z') FROM gwanje.slope_reading WHERE isfinite(time)
UNION ALL
SELECT DISTINCT 'weather_reading', date_bin('1 hour', time, '2000-01-01Z') FROM gwanje.weather_reading WHERE isfinite(time);

-- day_type: 0 Monday to Friday, 1 Saturday, 2 Sunday or holiday. slot_min: start of the bucket in local time, minutes of
-- the day. n_day: days that a value was there on.
CREATE TABLE gwanje.vds_profile (
    device            integer     NOT NULL,
    lane              smallint    NOT NULL,
    step_min          smallint    NOT NULL CHECK (step_min IN (5, 60)),
    day_type          smallint    NOT NULL CHECK (day_type BETWEEN 0 AND 2),
    slot_min          smallint    NOT NULL CHECK (slot_min BETWEEN 0 AND 1439),
    n_day             integer     NOT NULL,
    flow_p15_veh_h    real        NOT NULL,
    flow_p50_veh_h    real        NOT NULL,
    flow_p85_veh_h    real        NOT NULL,
    speed_p15_kmh     real        NOT NULL,
    speed_p50_kmh     real        NOT NULL,
    speed_p85_kmh     real        NOT NULL,
    occupancy_p15_pct real        NOT NULL,
    occupancy_p50_pct real        NOT NULL,
    occupancy_p85_pct real        NOT NULL,
    computed          timestamptz NOT NULL,
    PRIMARY KEY (device, step_min, day_type, lane, slot_min)
);
