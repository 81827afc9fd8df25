BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'mission_control','first_schema','2026-11-28 05:36:14.842092+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'mission_control','a_row_for_each_commit','2026-11-28 05:36:14.843183+00:00');
CREATE TABLE definitions (
    fingerprint  TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    static       TEXT NOT NULL,
    stored_at    TEXT
) WITHOUT ROWID;
INSERT INTO "definitions" VALUES('a101c24ac220b094bc11220053f1cf03','order','{"name":"order","nodes":[{"kind":"start","name":"start","output":"Order","output_json_schema":{"title":"Order","type":"object","properties":{"item":{"type":"string"},"price":{"type":"number"}},"required":["item"],"additionalProperties":false},"timeout":null,"retry":{"max_attempts":1,"initial_interval":0.0,"backoff_multiplier":1.0,"max_interval":null,"jitter":0.0,"retry_on":["Exception"],"give_up_on":[],"max_interruptions":10},"input":"Order","json_schema":{"title":"Order","type":"object","properties":{"item":{"type":"string"},"price":{"type":"number"}},"required":["item"],"additionalProperties":false}},{"kind":"step","name":"weigh","output":"str | None","output_json_schema":{"anyOf":[{"type":"string"},{"type":"null"}]},"timeout":null,"retry":{"max_attempts":2,"initial_interval":0.0,"backoff_multiplier":1.0,"max_interval":null,"jitter":0.0,"retry_on":["Exception"],"give_up_on":[],"max_interruptions":10}},{"kind":"step","name":"pack","output":"any","timeout":300.0,"retry":{"max_attempts":3,"initial_interval":60.0,"backoff_multiplier":2,"max_interval":null,"jitter":0.0,"retry_on":["Exception"],"give_up_on":["LookupError"],"max_interruptions":10}},{"kind":"sleep","name":"drying","duration":7200.0},{"kind":"need_to","name":"paid","schema":"Payment","json_schema":{"title":"Payment","type":"object","properties":{"payer":{"type":"string"},"amount":{"anyOf":[{"type":"integer"},{"type":"null"}]}},"required":["payer"],"additionalProperties":false},"timeout":432000.0,"timeout_message":"never paid"},{"kind":"step","name":"charge","output":"int | None","output_json_schema":{"anyOf":[{"type":"integer"},{"type":"null"}]},"timeout":null,"retry":{"max_attempts":1,"initial_interval":0.0,"backoff_multiplier":1.0,"max_interval":null,"jitter":0.0,"retry_on":["Exception"],"give_up_on":[],"max_interruptions":10}},{"kind":"sleep","name":"no-time","duration":0.0},{"kind":"need_to","name":"rating","schema":"int","json_schema":{"type":"integer"},"timeout":null,"timeout_message":null},{"kind":"end","name":"end"}],"queries":["total"],"updates":[{"name":"note","schema":"str","json_schema":{"type":"string"},"output":"str","output_json_schema":{"type":"string"}}]}','2024-02-29T12:00:00.000000+00:00');
CREATE TABLE history (
    mission  INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    at       TEXT NOT NULL,
    records  TEXT NOT NULL,
    PRIMARY KEY (mission, version)
) WITHOUT ROWID;
INSERT INTO "history" VALUES(1,3,'2024-02-29T12:00:00.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"kettle","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(1,5,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"kettle","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(1,7,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","weigh",1,{"output":"kettle"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(1,9,'2024-02-29T12:00:00.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no answer","code":"STEP_FAILED","type":"ConnectionError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 6, in pack\nConnectionError: no answer\n"}}],["step-retry-scheduled","pack",2,{"node_index":2,"due_at":"2024-02-29T12:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(1,11,'2024-02-29T12:01:00.000000+00:00','[["timer-fired","pack",null,{}],["step-started","pack",2,{}]]');
INSERT INTO "history" VALUES(1,13,'2024-02-29T12:01:00.000000+00:00','[["step-succeeded","pack",2,{"output":{"weight":1.5,"key":"paid:pack","parts":[1,null,true]}}],["timer-scheduled","drying",null,{"node_index":3,"due_at":"2024-02-29T14:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(1,15,'2024-02-29T14:01:00.000000+00:00','[["timer-fired","drying",null,{}],["waiting-for-signal","paid",null,{"node_index":4,"timeout_at":"2024-03-05T14:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(1,17,'2024-02-29T15:00:00.000000+00:00','[["signal-received","paid",null,{"payload":{"payer":"J\u00f8rgen","amount":100000000000000000000}}],["step-started","charge",1,{}]]');
INSERT INTO "history" VALUES(1,21,'2024-02-29T15:00:00.000000+00:00','[["step-succeeded","charge",1,{"output":100000000000000000000}],["timer-scheduled","no-time",null,{"node_index":6,"due_at":"2024-02-29T15:00:00.000000+00:00"}],["timer-fired","no-time",null,{}],["waiting-for-signal","rating",null,{"node_index":7,"timeout_at":null}]]');
INSERT INTO "history" VALUES(2,3,'2024-02-29T12:00:00.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"teapot","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(2,5,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"teapot","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(2,7,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","weigh",1,{"output":"teapot"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(2,9,'2024-02-29T12:00:00.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no answer","code":"STEP_FAILED","type":"ConnectionError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 6, in pack\nConnectionError: no answer\n"}}],["step-retry-scheduled","pack",2,{"node_index":2,"due_at":"2024-02-29T12:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(2,11,'2024-02-29T12:01:00.000000+00:00','[["timer-fired","pack",null,{}],["step-started","pack",2,{}]]');
INSERT INTO "history" VALUES(2,13,'2024-02-29T12:01:00.000000+00:00','[["step-succeeded","pack",2,{"output":{"weight":1.5,"key":"late:pack","parts":[1,null,true]}}],["timer-scheduled","drying",null,{"node_index":3,"due_at":"2024-02-29T14:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(2,15,'2024-02-29T14:01:00.000000+00:00','[["timer-fired","drying",null,{}],["waiting-for-signal","paid",null,{"node_index":4,"timeout_at":"2024-03-05T14:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(3,3,'2024-02-29T12:00:00.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"cup","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(3,5,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"cup","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(3,7,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","weigh",1,{"output":"cup"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(3,9,'2024-02-29T12:00:00.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no answer","code":"STEP_FAILED","type":"ConnectionError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 6, in pack\nConnectionError: no answer\n"}}],["step-retry-scheduled","pack",2,{"node_index":2,"due_at":"2024-02-29T12:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(3,11,'2024-02-29T12:01:00.000000+00:00','[["timer-fired","pack",null,{}],["step-started","pack",2,{}]]');
INSERT INTO "history" VALUES(3,13,'2024-02-29T12:01:00.000000+00:00','[["step-succeeded","pack",2,{"output":{"weight":1.5,"key":"cancelled:pack","parts":[1,null,true]}}],["timer-scheduled","drying",null,{"node_index":3,"due_at":"2024-02-29T14:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(3,15,'2024-02-29T14:01:00.000000+00:00','[["timer-fired","drying",null,{}],["waiting-for-signal","paid",null,{"node_index":4,"timeout_at":"2024-03-05T14:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(3,17,'2024-02-29T15:00:00.000000+00:00','[["mission-cancellation-requested",null,null,{"reason":"changed my mind: \u274c"}],["mission-cancelled","paid",null,{"error":{"message":"the mission was cancelled: changed my mind: \u274c","code":"MISSION_CANCELLED"}}]]');
INSERT INTO "history" VALUES(4,3,'2024-02-29T12:00:00.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"unicorn","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(4,5,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"unicorn","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(4,7,'2024-02-29T12:00:00.000000+00:00','[["step-succeeded","weigh",1,{"output":"unicorn"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(4,9,'2024-02-29T12:00:00.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no such item: \ud83e\udd84","code":"STEP_FAILED","type":"LookupError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 4, in pack\nLookupError: no such item: \ud83e\udd84\n"}}],["mission-failed","pack",null,{"error":{"message":"no such item: \ud83e\udd84","code":"STEP_FAILED","type":"LookupError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 4, in pack\nLookupError: no such item: \ud83e\udd84\n"}}]]');
INSERT INTO "history" VALUES(5,2,'2024-02-29T12:00:00.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"saucer","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["timer-scheduled","start_at",null,{"node_index":0,"due_at":"2024-03-09T12:00:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(6,3,'2024-02-29T15:00:00.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"bowl","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(6,5,'2024-02-29T15:00:00.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"bowl","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(6,7,'2024-02-29T15:00:00.000000+00:00','[["step-succeeded","weigh",1,{"output":"bowl"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(6,9,'2024-02-29T15:00:00.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no answer","code":"STEP_FAILED","type":"ConnectionError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 6, in pack\nConnectionError: no answer\n"}}],["step-retry-scheduled","pack",2,{"node_index":2,"due_at":"2024-02-29T15:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(6,11,'2024-02-29T15:01:00.000000+00:00','[["timer-fired","pack",null,{}],["step-started","pack",2,{}]]');
INSERT INTO "history" VALUES(6,13,'2024-02-29T15:01:00.000000+00:00','[["step-succeeded","pack",2,{"output":{"weight":1.5,"key":"asleep:pack","parts":[1,null,true]}}],["timer-scheduled","drying",null,{"node_index":3,"due_at":"2024-02-29T17:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(7,3,'2024-02-29T15:00:00.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"plate","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(7,5,'2024-02-29T15:00:00.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"plate","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(7,7,'2024-02-29T15:00:00.000000+00:00','[["step-succeeded","weigh",1,{"output":"plate"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(7,9,'2024-02-29T15:00:00.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no answer","code":"STEP_FAILED","type":"ConnectionError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 6, in pack\nConnectionError: no answer\n"}}],["step-retry-scheduled","pack",2,{"node_index":2,"due_at":"2024-02-29T15:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(7,11,'2024-02-29T15:01:00.000000+00:00','[["timer-fired","pack",null,{}],["step-started","pack",2,{}]]');
INSERT INTO "history" VALUES(7,13,'2024-02-29T15:01:00.000000+00:00','[["step-succeeded","pack",2,{"output":{"weight":1.5,"key":"cancelled-asleep:pack","parts":[1,null,true]}}],["timer-scheduled","drying",null,{"node_index":3,"due_at":"2024-02-29T17:01:00.000000+00:00"}]]');
INSERT INTO "history" VALUES(8,3,'2024-02-29T15:01:30.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"spoon","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(8,5,'2024-02-29T15:01:30.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"spoon","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(8,7,'2024-02-29T15:01:30.000000+00:00','[["step-succeeded","weigh",1,{"output":"spoon"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(8,9,'2024-02-29T15:01:30.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no answer","code":"STEP_FAILED","type":"ConnectionError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 6, in pack\nConnectionError: no answer\n"}}],["step-retry-scheduled","pack",2,{"node_index":2,"due_at":"2024-02-29T15:02:30.000000+00:00"}]]');
INSERT INTO "history" VALUES(9,3,'2024-02-29T15:01:30.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"fork","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(9,5,'2024-02-29T15:01:30.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"fork","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(9,7,'2024-02-29T15:01:30.000000+00:00','[["step-succeeded","weigh",1,{"output":"fork"}],["step-started","pack",1,{}]]');
INSERT INTO "history" VALUES(9,9,'2024-02-29T15:01:30.000000+00:00','[["step-failed","pack",1,{"error":{"message":"no answer","code":"STEP_FAILED","type":"ConnectionError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 6, in pack\nConnectionError: no answer\n"}}],["step-retry-scheduled","pack",2,{"node_index":2,"due_at":"2024-02-29T15:02:30.000000+00:00"}]]');
INSERT INTO "history" VALUES(9,11,'2024-02-29T15:01:30.000000+00:00','[["mission-cancellation-requested",null,null,{"reason":null}],["mission-cancelled","pack",null,{"error":{"message":"the mission was cancelled","code":"MISSION_CANCELLED"}}]]');
INSERT INTO "history" VALUES(10,3,'2024-02-29T15:01:30.000000+00:00','[["mission-created",null,null,{"mission_name":"order","input":{"item":"anvil","price":9.5},"definition":"a101c24ac220b094bc11220053f1cf03"}],["mission-started",null,null,{}],["step-started","start",1,{}]]');
INSERT INTO "history" VALUES(10,5,'2024-02-29T15:01:30.000000+00:00','[["step-succeeded","start",1,{"output":{"item":"anvil","price":9.5}}],["step-started","weigh",1,{}]]');
INSERT INTO "history" VALUES(10,7,'2024-02-29T15:01:30.000000+00:00','[["step-interrupted","weigh",1,{"reason":"process ended"}],["step-started","weigh",2,{}]]');
INSERT INTO "history" VALUES(10,8,'2024-02-29T15:01:30.000000+00:00','[["step-interrupted","weigh",2,{"reason":"closed"}]]');
CREATE TABLE missions (
    number           INTEGER PRIMARY KEY,
    mission_id       TEXT NOT NULL UNIQUE,
    mission_name     TEXT NOT NULL,
    status           TEXT NOT NULL
                     CHECK (status IN ('idle', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
    cursor           TEXT,
    wait_kind        TEXT CHECK (wait_kind IN ('signal', 'sleep', 'retry', 'start_at')),
    wait_name        TEXT,
    wait_node_index  INTEGER,
    due_at           TEXT,
    attempt_number   INTEGER,
    error            TEXT,
    created_at       TEXT,
    updated_at       TEXT,
    version          INTEGER NOT NULL,
    CHECK (wait_kind IS NOT NULL OR due_at IS NULL)
);
INSERT INTO "missions" VALUES(1,'paid','order','waiting','rating','signal','rating',7,NULL,NULL,NULL,'2024-02-29T12:00:00.000000+00:00','2024-02-29T15:00:00.000000+00:00',21);
INSERT INTO "missions" VALUES(2,'late','order','waiting','paid','signal','paid',4,'2024-03-05T14:01:00.000000+00:00',NULL,NULL,'2024-02-29T12:00:00.000000+00:00','2024-02-29T14:01:00.000000+00:00',15);
INSERT INTO "missions" VALUES(3,'cancelled','order','cancelled','paid',NULL,NULL,NULL,NULL,NULL,'{"message":"the mission was cancelled: changed my mind: \u274c","at":"2024-02-29T15:00:00.000000+00:00","code":"MISSION_CANCELLED","type":null,"traceback":null}','2024-02-29T12:00:00.000000+00:00','2024-02-29T15:00:00.000000+00:00',17);
INSERT INTO "missions" VALUES(4,'failed','order','failed','pack',NULL,NULL,NULL,NULL,NULL,'{"message":"no such item: \ud83e\udd84","at":"2024-02-29T12:00:00.000000+00:00","code":"STEP_FAILED","type":"LookupError","traceback":"Traceback (most recent call last):\n  File \"orders\", line 4, in pack\nLookupError: no such item: \ud83e\udd84\n"}','2024-02-29T12:00:00.000000+00:00','2024-02-29T12:00:00.000000+00:00',9);
INSERT INTO "missions" VALUES(5,'delayed','order','waiting','start','start_at','start_at',0,'2024-03-09T12:00:00.000000+00:00',NULL,NULL,'2024-02-29T12:00:00.000000+00:00','2024-02-29T12:00:00.000000+00:00',2);
INSERT INTO "missions" VALUES(6,'asleep','order','waiting','drying','sleep','drying',3,'2024-02-29T17:01:00.000000+00:00',NULL,NULL,'2024-02-29T15:00:00.000000+00:00','2024-02-29T15:01:00.000000+00:00',13);
INSERT INTO "missions" VALUES(7,'cancelled-asleep','order','waiting','drying','sleep','drying',3,'2024-02-29T17:01:00.000000+00:00',NULL,NULL,'2024-02-29T15:00:00.000000+00:00','2024-02-29T15:01:00.000000+00:00',13);
INSERT INTO "missions" VALUES(8,'backing-off','order','waiting','pack','retry','pack',2,'2024-02-29T15:02:30.000000+00:00',2,NULL,'2024-02-29T15:01:30.000000+00:00','2024-02-29T15:01:30.000000+00:00',9);
INSERT INTO "missions" VALUES(9,'cancelled-backing-off','order','cancelled','pack',NULL,NULL,NULL,NULL,NULL,'{"message":"the mission was cancelled","at":"2024-02-29T15:01:30.000000+00:00","code":"MISSION_CANCELLED","type":null,"traceback":null}','2024-02-29T15:01:30.000000+00:00','2024-02-29T15:01:30.000000+00:00',11);
INSERT INTO "missions" VALUES(10,'interrupted','order','running','weigh',NULL,NULL,NULL,NULL,NULL,NULL,'2024-02-29T15:01:30.000000+00:00','2024-02-29T15:01:30.000000+00:00',8);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX missions_by_status ON missions (status, number);
CREATE INDEX missions_by_name ON missions (mission_name, number);
CREATE INDEX missions_by_name_and_status ON missions (mission_name, status, number);
CREATE INDEX missions_by_due ON missions (wait_kind, due_at, mission_id) WHERE due_at IS NOT NULL;
CREATE VIEW mission_history AS
        SELECT m.mission_id, m.mission_name, h.version - json_array_length(h.records) + r.key + 1 AS seq,
               ifnull(json_extract(r.value, '$[4]'), h.at) AS at, json_extract(r.value, '$[0]') AS type,
               json_extract(r.value, '$[1]') AS event_name, json_extract(r.value, '$[2]') AS attempt_number,
               nullif(json_extract(r.value, '$[3]'), '{}') AS details
        FROM missions AS m JOIN history AS h ON h.mission = m.number,
             json_each(CASE WHEN json_valid(h.records) THEN h.records ELSE '[]' END) AS r;
CREATE VIEW all_missions AS
        SELECT mission_id, mission_name, status, cursor AS step_name, wait_kind, wait_name AS waits_for, due_at,
               ifnull(iif(hex(json_extract(iif(json_valid(error), error, NULL), '$.type')) GLOB '*ED[AB]*', json_extract(replace(replace(replace(iif(json_valid(error), error, NULL), '\\', char(1)), '\ud', '\\ud'), char(1), '\\'), '$.type'), json_extract(iif(json_valid(error), error, NULL), '$.type')) || ': ', '') || iif(hex(json_extract(iif(json_valid(error), error, NULL), '$.message')) GLOB '*ED[AB]*', json_extract(replace(replace(replace(iif(json_valid(error), error, NULL), '\\', char(1)), '\ud', '\\ud'), char(1), '\\'), '$.message'), json_extract(iif(json_valid(error), error, NULL), '$.message')) AS error, created_at, updated_at
        FROM missions;
CREATE VIEW failed_missions AS
        SELECT mission_id, mission_name, json_extract(iif(json_valid(error), error, NULL), '$.code') AS code,
               iif(hex(json_extract(iif(json_valid(error), error, NULL), '$.type')) GLOB '*ED[AB]*', json_extract(replace(replace(replace(iif(json_valid(error), error, NULL), '\\', char(1)), '\ud', '\\ud'), char(1), '\\'), '$.type'), json_extract(iif(json_valid(error), error, NULL), '$.type')) AS class, iif(hex(json_extract(iif(json_valid(error), error, NULL), '$.message')) GLOB '*ED[AB]*', json_extract(replace(replace(replace(iif(json_valid(error), error, NULL), '\\', char(1)), '\ud', '\\ud'), char(1), '\\'), '$.message'), json_extract(iif(json_valid(error), error, NULL), '$.message')) AS message,
               json_extract(iif(json_valid(error), error, NULL), '$.at') AS failed_at
        FROM missions WHERE status = 'failed';
CREATE VIEW waiting_missions AS
        SELECT mission_id, mission_name, wait_kind, wait_name AS waits_for, due_at, attempt_number,
               (
                   SELECT ifnull(json_extract(r.value, '$[4]'), h.at)
                   FROM history AS h,
                        json_each(CASE WHEN json_valid(h.records) THEN h.records ELSE '[]' END) AS r
                   WHERE h.mission = m.number AND json_extract(r.value, '$[0]')
                         IN ('waiting-for-signal', 'timer-scheduled', 'step-retry-scheduled')
                   ORDER BY h.version DESC, r.key DESC LIMIT 1
               ) AS since
        FROM missions AS m WHERE status = 'waiting';
CREATE VIEW step_attempts AS
        SELECT mission_id, mission_name, event_name AS step_name, attempt_number,
               CASE end_type WHEN 'step-succeeded' THEN 'succeeded' WHEN 'step-failed' THEN 'failed'
                             WHEN 'step-interrupted' THEN 'interrupted' ELSE 'running' END AS status,
               at AS started_at, end_at AS finished_at, ifnull(iif(hex(json_extract(end_details, '$.error.type')) GLOB '*ED[AB]*', json_extract(replace(replace(replace(end_details, '\\', char(1)), '\ud', '\\ud'), char(1), '\\'), '$.error.type'), json_extract(end_details, '$.error.type')) || ': ', '') || iif(hex(json_extract(end_details, '$.error.message')) GLOB '*ED[AB]*', json_extract(replace(replace(replace(end_details, '\\', char(1)), '\ud', '\\ud'), char(1), '\\'), '$.error.message'), json_extract(end_details, '$.error.message')) AS error
        FROM (
            SELECT *, lead(type) OVER story AS end_type, lead(at) OVER story AS end_at,
                   lead(details) OVER story AS end_details
            FROM mission_history
            WHERE type IN ('step-started', 'step-succeeded', 'step-failed', 'step-interrupted')
            WINDOW story AS (PARTITION BY mission_id ORDER BY seq)
        )
        WHERE type = 'step-started';
CREATE VIEW timers AS
        SELECT mission_id, mission_name, event_name,
               CASE WHEN event_name = 'start_at' THEN 'start_at' WHEN type = 'timer-scheduled' THEN 'sleep'
                    ELSE 'retry' END AS kind,
               CASE end_type WHEN 'timer-fired' THEN 'completed' WHEN 'mission-cancelled' THEN 'cancelled'
                             ELSE 'scheduled' END AS status,
               at AS scheduled_at, json_extract(details, '$.due_at') AS due_at,
               CASE end_type WHEN 'timer-fired' THEN end_at END AS resumed_at
        FROM (
            SELECT *, lead(type) OVER story AS end_type, lead(at) OVER story AS end_at
            FROM mission_history
            WHERE type IN ('timer-scheduled', 'step-retry-scheduled', 'timer-fired', 'mission-cancelled')
            WINDOW story AS (PARTITION BY mission_id ORDER BY seq)
        )
        WHERE type IN ('timer-scheduled', 'step-retry-scheduled');
COMMIT;
PRAGMA application_id = 1296258130;
PRAGMA user_version = 3;
