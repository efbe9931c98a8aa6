import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { launch, teardown } from "@user-service/api/Process"
import { Layer } from "effect"
import * as Standalone from "./Standalone.ts"

launch((settings) => Layer.provide(Standalone.layer(settings), NodeServices.layer)).pipe(
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
