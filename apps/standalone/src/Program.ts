import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { version } from "@user-service/api/Version"
import { launch, teardown } from "@user-service/telemetry/Process"
import { Layer } from "effect"
import * as Standalone from "./Standalone.ts"
import { read } from "./StandaloneSettings.ts"

launch({ service: "user-service", version, portVariable: "PORT" }, read, (settings) =>
  Layer.provide(Standalone.layer(settings), NodeServices.layer)
).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
