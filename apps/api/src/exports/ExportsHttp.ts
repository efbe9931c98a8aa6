import { Exports } from "@user-service/core/exports/Exports"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Duration, Effect, Layer, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"
import { closeWhenIdle } from "../node/IdleConnection.ts"
import { exportDocument } from "./ExportDocument.ts"
import { makeExportOutcomes } from "./ExportOutcomes.ts"

// A client that reads nothing for so long is gone, or keeps the connection for no purpose.
const idleTimeout = Duration.minutes(1)

const options = {
  contentType: "application/json",
  headers: { "content-disposition": `attachment; filename="account.json"` }
} as const

/**
 * {@link ExportsApi} on the export service. The response is sent while it is read, so the deadline of requests (Edge.ts) ends
 * with its head. A failure after the head closes the connection before the last chunk.
 */
export const ExportsHttp = HttpApiBuilder.group(
  UserServiceApi,
  "exports",
  Effect.fn(function* (handlers) {
    const exports = yield* Exports
    const report = yield* makeExportOutcomes({
      metric: "account_exports_total",
      description:
        "Exports whose head was sent with 200, by outcome; aborted: the client, the end of its session or the shutdown ended it",
      failure: "An export was not completed"
    })
    return handlers.handleRaw(
      "export",
      Effect.fnUntraced(function* ({ request }) {
        const current = yield* CurrentSession
        // The server sends no body, so nothing is read and nothing counted.
        if (request.method === "HEAD") return HttpServerResponse.stream(Stream.empty, options)
        const exported = yield* exports.open(current)
        closeWhenIdle(request, idleTimeout)
        const document = exportDocument(exported, current.sessionId).pipe(
          Stream.onExit(report),
          Stream.encodeText,
          // The request id of the log line, among others.
          Stream.provideContext(yield* Effect.context())
        )
        return HttpServerResponse.stream(document, options)
      })
    )
  })
).pipe(narrowContext(Exports), Layer.provide(Exports.layer))
