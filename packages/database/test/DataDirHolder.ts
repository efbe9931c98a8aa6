import { NodeFileSystem, NodeRuntime } from "@effect/platform-node"
import * as DataDir from "@user-service/database/DataDir"
import { Console, Effect } from "effect"

/** A process that holds the folder it is told until it is stopped, and says whether it could. */
Effect.suspend(() => DataDir.lock(process.argv[2] ?? "")).pipe(
  Effect.andThen(Console.log("held")),
  Effect.andThen(Effect.never),
  Effect.catchTag("DataDirInUse", ({ pid }) => Console.log(`in use by ${pid}`)),
  Effect.scoped,
  Effect.provide(NodeFileSystem.layer),
  NodeRuntime.runMain
)
