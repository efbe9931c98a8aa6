import { NodeRuntime } from "@effect/platform-node"
import * as PgLite from "@user-service/database/PgLite"
import { Effect, Layer } from "effect"

/** A process that opens the embedded database in the folder it is told, and keeps it open until it is stopped. */
Effect.suspend(() => Layer.launch(PgLite.layer({ dataDir: process.argv[2] ?? "" }))).pipe(NodeRuntime.runMain)
