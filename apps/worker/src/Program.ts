import { NodeRuntime } from "@effect/platform-node"
import { launch, teardown } from "@user-service/runtime/Process"
import { version } from "@user-service/runtime/Version"
import * as Telemetry from "@user-service/telemetry/Telemetry"
import * as Worker from "./Worker.ts"
import { read } from "./WorkerSettings.ts"

launch({
  identity: { service: "user-service-worker", version, portVariable: "WORKER_PORT" },
  read,
  telemetry: Telemetry.layer,
  program: Worker.layerProcess
}).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
