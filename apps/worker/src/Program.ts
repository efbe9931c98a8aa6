import { NodeRuntime } from "@effect/platform-node"
import { launch, teardown } from "@user-service/runtime/Process"
import { version } from "@user-service/runtime/Version"
import * as Telemetry from "@user-service/telemetry/Telemetry"
import * as WorkerProcess from "./WorkerProcess.ts"
import { read } from "./WorkerSettings.ts"

launch({
  identity: { service: "user-service-worker", version, portVariable: "WORKER_PORT" },
  read,
  telemetry: Telemetry.layer,
  program: WorkerProcess.layer
}).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
