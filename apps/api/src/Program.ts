import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { launch, teardown } from "@user-service/telemetry/Process"
import { Layer } from "effect"
import * as Api from "./Api.ts"
import { read } from "./ApiSettings.ts"
import * as Cluster from "./Cluster.ts"
import { version } from "./Version.ts"

launch({ service: "user-service", version, portVariable: "PORT" }, read, (settings) =>
  Cluster.layer(settings, Layer.provide(Api.layer(settings), NodeServices.layer))
).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
