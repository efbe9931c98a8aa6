import { NodeRuntime } from "@effect/platform-node"
import { launch, teardown } from "@user-service/telemetry/Process"
import { version } from "./Version.ts"
import * as Worker from "./Worker.ts"
import { read } from "./WorkerSettings.ts"

launch({ service: "user-service-worker", version, portVariable: "WORKER_PORT" }, read, Worker.layerProcess).pipe(
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
