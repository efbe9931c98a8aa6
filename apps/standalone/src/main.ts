import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { read } from "@user-service/api/ApiSettings"
import { version } from "@user-service/api/Version"
import { launch, teardown } from "@user-service/telemetry/Process"
import { Layer } from "effect"
import * as Standalone from "./Standalone.ts"

launch({ service: "user-service", version, portVariable: "PORT" }, read, (settings) =>
  Layer.provide(Standalone.layer(settings), NodeServices.layer)
).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
