import { Profiles } from "@user-service/core/profiles/Profiles"
import type { ProfilePatch } from "@user-service/core/profiles/ProfilesRepo"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import type { ProfileInput } from "@user-service/schema/http/ProfilesApi"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { userBody } from "@user-service/schema/User"
import { Effect, Layer, Struct } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { successText } from "../endpoints/Answers.ts"
import { narrowContext } from "../endpoints/GroupContext.ts"

const wireToDomain = Struct.renameKeys({
  first_name: "firstName",
  last_name: "lastName",
  avatar_url: "avatarUrl",
  phone_number: "phoneNumber"
})

const profilePatch = ({ profile, ...account }: typeof ProfileInput.Type): ProfilePatch =>
  wireToDomain({ ...account, ...profile })

/** {@link ProfilesApi} on the profile service. */
export const ProfilesHttp = HttpApiBuilder.group(
  UserServiceApi,
  "profiles",
  Effect.fn(function* (handlers) {
    const profiles = yield* Profiles
    const update = ({ payload }: { readonly payload: typeof ProfileInput.Type }) =>
      CurrentSession.pipe(
        Effect.flatMap(({ userId }) => profiles.update(userId, profilePatch(payload))),
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
  })
).pipe(narrowContext(Profiles), Layer.provide(Profiles.layer))
