import { NodeRuntime } from "@effect/platform-node"
import { launch, teardown } from "./Process.ts"
import * as Worker from "./Worker.ts"

launch(Worker.layerProcess).pipe(NodeRuntime.runMain({ disableErrorReporting: true, teardown }))
