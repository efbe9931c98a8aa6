import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { success, successPage } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { PreferenceChangeBody } from "../PreferenceHistory.ts"
import { PreferencesBody, PreferencesInput } from "../Preferences.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { PagingQuery } from "./Paging.ts"
import { Validation } from "./Validation.ts"
import { WriteLimit } from "./WriteLimit.ts"

const headers = { etag: Schema.String }

const ifNoneMatch = { "if-none-match": Schema.optionalKey(Schema.String) }

const updateDocumentation = {
  description:
    "Changes the settings in the request and keeps the others. `If-Match` and `If-None-Match` make the change conditional " +
    "on the current version.",
  example: { push_marketing: true, do_not_disturb_start: "22:00", do_not_disturb_end: "07:00", frequency_limit: 20 }
}

const NotModified = HttpApiSchema.Empty(304).annotate({
  description: "The current version matches `If-None-Match`."
})

const updateOptions = {
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

/** A user's notification preferences, with a strong `ETag`. PUT and PATCH are the same partial update. */
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
      describeOperation({
        id: "getPreferences",
        summary: "Read the preferences",
        description: "With `If-None-Match`, the body is omitted if the current version matches."
      })
    ),
    HttpApiEndpoint.put("replace", "/preferences/", updateOptions)
      .annotateMerge(
        describeOperation({
          id: "replacePreferences",
          summary: "Update the preferences, as PATCH does",
          ...updateDocumentation
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.patch("update", "/preferences/", updateOptions)
      .annotateMerge(
        describeOperation({ id: "updatePreferences", summary: "Update the preferences", ...updateDocumentation })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.get("history", "/preferences/history/", {
      query: PagingQuery,
      success: successPage("Preferences history retrieved successfully", PreferenceChangeBody),
      error: Failures.ServiceUnavailable
    }).annotateMerge(
      describeOperation({
        id: "listPreferenceChanges",
        summary: "List the changes of the preferences",
        description:
          "All changes of the user's preferences, newest first, in pages. An update that gives no setting another value is not " +
          "listed, although it increments the version."
      })
    )
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users")
  .annotateMerge(OpenApi.annotations({ title: "Preferences", description: "A user's notification preferences." })) {}
