import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { loadCommand } from "./LoadCli.ts"

Command.run(loadCommand, { version: "0.1.0" }).pipe(Effect.provide([NodeServices.layer]), NodeRuntime.runMain)
