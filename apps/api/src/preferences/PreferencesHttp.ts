import { Preferences } from "@user-service/core/preferences/Preferences"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { pageRequest } from "@user-service/schema/http/Paging"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { preferenceChangeBody } from "@user-service/schema/PreferenceHistory"
import { preferencesBody, type PreferencesInput } from "@user-service/schema/Preferences"
import { Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { successText } from "../endpoints/Answers.ts"
import { etagOf, expectedVersions, isKnown } from "./Preconditions.ts"
import { narrowContext } from "../endpoints/GroupContext.ts"

/** {@link PreferencesApi} on the preferences service. */
export const PreferencesHttp = HttpApiBuilder.group(
  UserServiceApi,
  "preferences",
  Effect.fn(function* (handlers) {
    const preferences = yield* Preferences
    const update = ({
      headers,
      payload
    }: {
      readonly headers: Parameters<typeof expectedVersions>[0]
      readonly payload: typeof PreferencesInput.Type
    }) =>
      CurrentSession.pipe(
        Effect.flatMap(({ userId }) =>
          preferences.update({ userId, patch: payload, expected: expectedVersions(headers) })
        ),
        Effect.map((updated) =>
          HttpApiSchema.withHeaders({ body: preferencesBody(updated), headers: { etag: etagOf(updated.version) } })
        )
      )
    return handlers
      .handleRaw("find", ({ headers }) =>
        CurrentSession.pipe(
          Effect.flatMap(({ userId }) => preferences.represent(userId)),
          Effect.map(({ value, version }) => {
            const etag = etagOf(version)
            return isKnown(headers["if-none-match"], version)
              ? HttpServerResponse.empty({ status: 304, headers: { etag } })
              : HttpServerResponse.text(successText("Preferences retrieved successfully", value), {
                  contentType: "application/json",
                  headers: { etag }
                })
          })
        )
      )
      .handle("replace", update)
      .handle("update", update)
      .handle(
        "history",
        Effect.fnUntraced(function* ({ query }) {
          const { userId } = yield* CurrentSession
          const request = pageRequest(query)
          const { items, total } = yield* preferences.history(userId, request)
          return { items: items.map(preferenceChangeBody), total, request }
        })
      )
  })
).pipe(narrowContext(Preferences), Layer.provide(Preferences.layer))
