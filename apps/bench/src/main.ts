import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { bench } from "./Cli.ts"

Command.run(bench, { version: "0.1.0" }).pipe(Effect.provide([NodeServices.layer]), NodeRuntime.runMain)
