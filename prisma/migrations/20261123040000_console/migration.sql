-- What operators see and do: the processes that run, who did what, and how conflicts were answered.
CREATE TABLE "process" (
  "id" TEXT PRIMARY KEY,
  "app" TEXT NOT NULL,
  "host" TEXT NOT NULL,
  "pid" INTEGER NOT NULL,
  "version" TEXT NOT NULL,
  "volumes" TEXT[] NOT NULL,
  "started_at" TIMESTAMPTZ(6) NOT NULL,
  "seen_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "concurrency" INTEGER NOT NULL,
  "busy" INTEGER NOT NULL,
  "holds" INTEGER NOT NULL,
  "pairs" INTEGER[] NOT NULL,
  "rss" BIGINT NOT NULL,
  "loop_lag_ms" INTEGER NOT NULL,
  "drain_wanted" BOOLEAN NOT NULL DEFAULT false
);

-- Outlives the pairs it tells of, so it names them.
CREATE TABLE "operator_action" (
  "id" BIGSERIAL PRIMARY KEY,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "actor" TEXT NOT NULL,
  "verb" TEXT NOT NULL,
  "pair" TEXT,
  "text" TEXT NOT NULL
);

CREATE TABLE "conflict_answer" (
  "history_id" BIGINT PRIMARY KEY REFERENCES "history" ("id") ON DELETE CASCADE,
  "answer" TEXT NOT NULL CHECK ("answer" IN ('keep-upstream', 'keep-mine', 'keep-both')),
  "actor" TEXT NOT NULL,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now()
);

-- A pair's timeline, newest first, whatever the name.
CREATE INDEX "history_pair_id_id_idx" ON "history" ("pair_id", "id");
CREATE INDEX "problem_code_idx" ON "problem" ("code", "pair_id", "name");
