import { AdminApi } from "@user-service/schema/http/admin/AdminApi"
import { consoleHeader } from "@user-service/schema/http/admin/StaffAuthentication"
import { Effect, Layer, ManagedRuntime } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { asApiFailure, withFailures } from "./ApiFailure.ts"

const make = Effect.gen(function* () {
  const httpClient = yield* HttpClient.HttpClient
  return yield* HttpApiClient.makeWith(AdminApi, {
    baseUrl: location.origin,
    httpClient: withFailures(HttpClient.mapRequest(httpClient, HttpClientRequest.setHeader(consoleHeader, "1")))
  })
})

const runtime = ManagedRuntime.make(
  Layer.merge(
    FetchHttpClient.layer,
    Layer.succeed(FetchHttpClient.RequestInit, { credentials: "same-origin", cache: "no-store" })
  )
)

/** The admin API. It is typed by its declaration, so a change of a field that the console uses fails the build. */
export const api = runtime.runSync(make)

/** Runs a call of the {@link api}. The promise rejects with an `ApiFailure`. */
export const run = <A, E>(call: Effect.Effect<A, E>, signal?: AbortSignal): Promise<A> =>
  runtime.runPromise(Effect.mapError(call, asApiFailure), signal === undefined ? {} : { signal })
