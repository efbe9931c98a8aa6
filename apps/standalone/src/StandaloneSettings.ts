import * as Api from "@user-service/api/ApiSettings"
import * as Environment from "@user-service/runtime/Environment"
import * as Worker from "@user-service/worker/WorkerSettings"
import { type Config, Effect } from "effect"

const parts = { ...Api.parts, work: Worker.workConfig }

/** Everything the environment says, checked. */
export type StandaloneSettings = Config.Success<ReturnType<typeof Config.all<typeof parts>>>

/** Reads the environment whole, so that one start tells everything that is wrong with it. */
export const read: Effect.Effect<StandaloneSettings, Environment.SettingsInvalid> = Environment.read(
  parts,
  // The third is for events and jobs, the fourth for requests.
  Effect.map(Effect.all([Api.judge, Worker.judge(4, "`npm start`")]), (problems) => problems.flat())
)
