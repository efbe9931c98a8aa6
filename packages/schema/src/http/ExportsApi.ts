import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { AccountExportBody, exportedMessage } from "../AccountExport.ts"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { Validation } from "./Validation.ts"

/** The export of a user's data. */
export class ExportsApi extends HttpApiGroup.make("exports")
  .add(
    HttpApiEndpoint.get("export", "/export/", {
      success: success(exportedMessage, AccountExportBody),
      error: [Failures.UserNotFound, Failures.RateLimited, Failures.ServiceUnavailable]
    }).annotateMerge(
      describeOperation({
        id: "exportAccount",
        summary: "Export everything that is stored of the user",
        description:
          "One document, sent in chunks while it is read. If it cannot be completed, the connection is closed before the last " +
          "chunk: a document that parses as JSON is complete. Rows that are added during the export are not part of it, but " +
          "some of `delivery_decisions` may be. The connection is also closed if the client reads nothing for a minute, and when its session ends."
      })
    )
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users")
  .annotateMerge(OpenApi.annotations({ title: "Export", description: "The export of a user's data." })) {}
