import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { launch, teardown } from "@user-service/runtime/Process"
import { version } from "@user-service/runtime/Version"
import * as Telemetry from "@user-service/telemetry/Telemetry"
import { Layer } from "effect"
import * as Standalone from "./Standalone.ts"
import { read } from "./StandaloneSettings.ts"

launch({
  identity: { service: "user-service", version, portVariable: "PORT" },
  read,
  telemetry: Telemetry.layer,
  program: (settings) => Layer.provide(Standalone.layer(settings), NodeServices.layer)
}).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
