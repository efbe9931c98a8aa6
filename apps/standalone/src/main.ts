import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import * as ApiSettings from "@user-service/api/ApiSettings"
import * as Standalone from "./Standalone.ts"

ApiSettings.read.pipe(
  Effect.flatMap((settings) => Layer.launch(Standalone.layer(settings))),
  NodeRuntime.runMain
)
