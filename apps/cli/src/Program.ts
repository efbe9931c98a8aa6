import { NodeRuntime } from "@effect/platform-node"
import { run } from "./Cli.ts"

NodeRuntime.runMain(run, { disableErrorReporting: true })
