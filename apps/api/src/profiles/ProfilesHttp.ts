import { Profiles } from "@user-service/core/profiles/Profiles"
import { StaffErasures } from "@user-service/core/staff/StaffErasures"
import type { UserPatch } from "@user-service/domain/User"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import type { ProfileInput } from "@user-service/schema/http/ProfilesApi"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { userBody } from "@user-service/schema/User"
import { Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { successText } from "../endpoints/Answers.ts"
import { narrowContext } from "../endpoints/GroupContext.ts"

const userPatch = ({ profile, ...account }: typeof ProfileInput.Type): UserPatch => ({ ...account, ...profile })

/** {@link ProfilesApi} on the profile service. */
export const ProfilesHttp = HttpApiBuilder.group(
  UserServiceApi,
  "profiles",
  Effect.fn(function* (handlers) {
    const profiles = yield* Profiles
    const erasures = yield* StaffErasures
    const update = ({ payload }: { readonly payload: typeof ProfileInput.Type }) =>
      CurrentSession.pipe(
        Effect.flatMap((current) => profiles.update(current, userPatch(payload))),
        Effect.map(userBody)
      )
    return handlers
      .handleRaw("find", () =>
        CurrentSession.pipe(
          Effect.flatMap(({ userId }) => profiles.represent(userId)),
          Effect.map((user) =>
            HttpServerResponse.text(successText("User profile retrieved successfully", user), {
              contentType: "application/json"
            })
          )
        )
      )
      .handle("replace", update)
      .handle("update", update)
      .handle("erase", ({ payload }) =>
        Effect.flatMap(CurrentSession, ({ userId }) => erasures.eraseOwn(userId, payload.password))
      )
  })
).pipe(narrowContext(Profiles, StaffErasures), Layer.provide([Profiles.layer, StaffErasures.layer]))
