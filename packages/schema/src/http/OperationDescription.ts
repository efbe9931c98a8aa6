import { Context, type Schema } from "effect"
import { OpenApi } from "effect/http-api"

/** An example of the endpoint's request body, as JSON. */
export const RequestExample = Context.Reference<Schema.Json | undefined>(
  "@user-service/schema/http/OperationDescription/RequestExample",
  { defaultValue: () => undefined }
)

/** The documentation of an endpoint in OpenAPI. Generated clients name the operation by `id`. */
export const describeOperation = (operation: {
  readonly id: string
  readonly summary: string
  readonly description: string
  /** An example of the request body, as JSON. */
  readonly example?: Schema.Json
}): Context.Context<never> =>
  OpenApi.annotations({
    identifier: operation.id,
    summary: operation.summary,
    description: operation.description
  }).pipe(Context.add(RequestExample, operation.example))
