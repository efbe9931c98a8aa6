import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Layer } from "effect"
import * as Api from "./Api.ts"
import * as Cluster from "./Cluster.ts"
import { launch, teardown } from "./Process.ts"

launch((settings) => Cluster.layer(settings, Layer.provide(Api.layer(settings), NodeServices.layer))).pipe(
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
