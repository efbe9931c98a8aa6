import * as Api from "@user-service/api/ApiSettings"
import * as Environment from "@user-service/runtime/Environment"
import * as Worker from "@user-service/worker/WorkerSettings"
import { type Config, Effect } from "effect"

const parts = { ...Api.parts, work: Worker.workConfig }

/** The validated settings of the one-process program. */
export type StandaloneSettings = Config.Success<ReturnType<typeof Config.all<typeof parts>>>

/** Reads the whole environment, so that one start reports all its problems. */
export const read: Effect.Effect<StandaloneSettings, Environment.SettingsInvalid> = Environment.read(
  parts,
  // One connection listens for events, one holds the lock of the jobs, one serves events and jobs, and one serves requests.
  Effect.map(Effect.all([Api.judge, Worker.judge(4, "`npm start`")]), (problems) => problems.flat())
)
