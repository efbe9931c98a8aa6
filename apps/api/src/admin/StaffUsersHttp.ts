import { Preferences } from "@user-service/core/preferences/Preferences"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { StaffErasures } from "@user-service/core/staff/StaffErasures"
import { StaffUpdates } from "@user-service/core/staff/StaffUpdates"
import { UserRecords } from "@user-service/core/staff/UserRecords"
import { canonicalEmail } from "@user-service/domain/Email"
import { InvalidInput } from "@user-service/schema/Failures"
import { CurrentStaff } from "@user-service/schema/http/admin/StaffAuthentication"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { preferencesBody } from "@user-service/schema/Preferences"
import { userBody } from "@user-service/schema/User"
import { userRecordBody } from "@user-service/schema/UserRecord"
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"
import { actOn } from "./StaffActs.ts"

const invalid = (field: string, problem: string) => new InvalidInput({ problems: { [field]: [problem] } })

/** {@link StaffUsersApi} on the services of users. */
export const StaffUsersHttp = HttpApiBuilder.group(
  UserServiceApi,
  "admin-users",
  Effect.fn(function* (handlers) {
    const records = yield* UserRecords
    const profiles = yield* Profiles
    const preferences = yield* Preferences
    const erasures = yield* StaffErasures
    const updates = yield* StaffUpdates
    return handlers.handleAll({
      find: Effect.fnUntraced(function* ({ params }) {
        const { sessionId } = yield* CurrentStaff
        return userRecordBody(yield* records.find(params.id), sessionId)
      }),
      update: Effect.fnUntraced(function* ({ params, payload: { reason, role, ...patch } }) {
        return userBody(yield* actOn(params, reason, (userId) => updates.update(userId, { patch, role })))
      }),
      updatePreferences: Effect.fnUntraced(function* ({ params, payload: { reason, ...patch } }) {
        const { userId: actor } = yield* CurrentStaff
        const author = { source: "admin", actor } as const
        const updated = yield* actOn(params, reason, (userId) =>
          // Any version is expected, so a mismatch is a change in between: the rules are checked again.
          Effect.retry(preferences.update({ userId, patch, author }), {
            while: (error) => error._tag === "PreferencesVersionMismatch"
          })
        )
        return preferencesBody(updated)
      }),
      erase: Effect.fnUntraced(function* ({ params, payload: { confirm, reason } }) {
        yield* actOn(params, reason, (userId) =>
          Effect.gen(function* () {
            const { email } = yield* profiles.find(userId)
            if (canonicalEmail(email) !== canonicalEmail(confirm)) {
              return yield* invalid("confirm", "This is not the e-mail address of the user.")
            }
            yield* erasures.erase(userId)
          })
        )
      })
    })
  })
).pipe(
  narrowContext(Preferences, Profiles, StaffErasures, StaffUpdates, UserRecords),
  Layer.provide([Preferences.layer, Profiles.layer, StaffErasures.layer, StaffUpdates.layer, UserRecords.layer])
)
