import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { PreferencesBody, PreferencesInput } from "../Preferences.ts"
import { Authentication } from "./Authentication.ts"
import { Validation } from "./Validation.ts"

const headers = { etag: Schema.String }

const updated = {
  headers: { "if-match": Schema.optionalKey(Schema.String) },
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
      success: HttpApiSchema.WithHeaders(success("Preferences retrieved successfully", PreferencesBody), headers),
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    }),
    HttpApiEndpoint.put("replace", "/preferences/", updated),
    HttpApiEndpoint.patch("update", "/preferences/", updated)
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users") {}
