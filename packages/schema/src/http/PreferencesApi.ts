import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { PreferencesBody, PreferencesInput } from "../Preferences.ts"
import { Authentication } from "./Authentication.ts"
import { documented } from "./Documented.ts"
import { Validation } from "./Validation.ts"
import { WriteLimit } from "./WriteLimit.ts"

const headers = { etag: Schema.String }

const ifNoneMatch = { "if-none-match": Schema.optionalKey(Schema.String) }

const change = {
  description:
    "Changes the settings that are sent and leaves the others as they are. With `If-Match` only where the preferences " +
    "are still at a version it names, with `If-None-Match` only where they are at none that it names.",
  example: { push_marketing: true, do_not_disturb_start: "22:00", do_not_disturb_end: "07:00", frequency_limit: 20 }
}

const NotModified = HttpApiSchema.Empty(304).annotate({
  description: "The preferences are at a version that `If-None-Match` names."
})

const updated = {
  headers: { "if-match": Schema.optionalKey(Schema.String), ...ifNoneMatch },
  payload: PreferencesInput,
  success: HttpApiSchema.WithHeaders(success("Preferences updated successfully", PreferencesBody), headers),
  error: [
    Failures.PreferencesContradictory,
    Failures.PreferencesVersionMismatch,
    Failures.UserNotFound,
    Failures.ServiceUnavailable
  ]
} as const

/** How a user wants to be reached, with a strong `ETag`. PUT and PATCH are the same partial update. */
export class PreferencesApi extends HttpApiGroup.make("preferences")
  .add(
    HttpApiEndpoint.get("find", "/preferences/", {
      headers: ifNoneMatch,
      success: [
        HttpApiSchema.WithHeaders(success("Preferences retrieved successfully", PreferencesBody), headers),
        HttpApiSchema.WithHeaders(NotModified, headers)
      ],
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    }).annotateMerge(
      documented({
        id: "getPreferences",
        summary: "Read the preferences",
        description: "With `If-None-Match` they are sent only where they are at another version than it names."
      })
    ),
    HttpApiEndpoint.put("replace", "/preferences/", updated)
      .annotateMerge(
        documented({ id: "replacePreferences", summary: "Update the preferences, as PATCH does", ...change })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.patch("update", "/preferences/", updated)
      .annotateMerge(documented({ id: "updatePreferences", summary: "Update the preferences", ...change }))
      .middleware(WriteLimit)
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users")
  .annotateMerge(OpenApi.annotations({ title: "Preferences", description: "How a user wants to be reached." })) {}
