import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { launch, teardown } from "@user-service/runtime/Process"
import { version } from "@user-service/runtime/Version"
import * as Telemetry from "@user-service/telemetry/Telemetry"
import { Layer } from "effect"
import * as Api from "./Api.ts"
import { read } from "./ApiSettings.ts"
import * as Cluster from "./Cluster.ts"

launch({
  identity: { service: "user-service", version, portVariable: "PORT" },
  read,
  telemetry: Telemetry.layer,
  program: (settings) => Cluster.layer(settings, Layer.provide(Api.layer(settings), NodeServices.layer))
}).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
