import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Failures } from "../Failures.ts"
import { documented } from "./Documented.ts"
import { IsProbe } from "./RouteFacts.ts"

const Jwks = Schema.Struct({
  keys: Schema.Array(
    Schema.Struct({
      kty: Schema.Literal("OKP"),
      crv: Schema.Literal("Ed25519"),
      x: Schema.String,
      kid: Schema.String,
      alg: Schema.Literal("EdDSA"),
      use: Schema.Literal("sig")
    })
  )
}).annotate({
  identifier: "Jwks",
  description: "A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037); empty where tokens are signed with HS256.",
  examples: [
    {
      keys: [
        {
          kty: "OKP",
          crv: "Ed25519",
          x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
          kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
          alg: "EdDSA",
          use: "sig"
        }
      ]
    }
  ]
})

const jsonDocument = (description: string, example: Schema.JsonObject) =>
  Schema.Record(Schema.String, Schema.Json).annotate({ description, examples: [example] })

const info = { title: "User Service", version: "1.0.0" }

const text = (contentType: string, description: string, example: string) =>
  Schema.String.annotate({ description, examples: [example] }).pipe(HttpApiSchema.asText({ contentType }))

/** What is served in formats of its own, outside the envelope: plain routes, described here for the OpenAPI document alone. */
export class DocumentsApi extends HttpApiGroup.make("documents")
  .add(
    HttpApiEndpoint.get("jwks", "/.well-known/jwks.json", {
      success: HttpApiSchema.WithHeaders(Jwks, { "cache-control": Schema.String })
    }).annotateMerge(
      documented({
        id: "getJwks",
        summary: "The keys that access tokens are checked with",
        description:
          "The public keys of this service, as a JSON Web Key Set. A gateway that checks access tokens by itself may keep " +
          "the answer for as long as `Cache-Control` says: a new key signs tokens only after every kept copy has expired, " +
          "and an old one stays until its last token has expired. The set is empty where tokens are signed with HS256."
      })
    ),
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: text(
        "text/plain; version=0.0.4; charset=utf-8",
        "The measurements of all processes of this API, in the text format of Prometheus.",
        "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.4\n"
      ),
      error: Failures.AuthenticationRequired
    })
      .annotate(OpenApi.Override, { security: [{ metrics: [] }, {}] })
      .annotate(IsProbe, true)
      .annotateMerge(
        documented({
          id: "getMetrics",
          summary: "Metrics for Prometheus",
          description:
            "Requests, durations, connections, memory and events, in the text format of Prometheus. Of several processes " +
            "behind one port the answer has the sums. Where the operator has set `METRICS_TOKEN`, it is the bearer token " +
            "to send; else anyone may read."
        })
      ),
    HttpApiEndpoint.get("openApiJson", "/api/schema", {
      success: jsonDocument("This document.", { openapi: "3.1.0", info, paths: {} })
    }).annotateMerge(
      documented({
        id: "getOpenApiJson",
        summary: "This document, as JSON",
        description:
          "The OpenAPI 3.1 document of the HTTP API, to generate clients and tests from. It is made of the same schemas that " +
          "the server reads requests and writes answers with."
      })
    ),
    HttpApiEndpoint.get("openApiYaml", "/api/schema.yml", {
      success: text("application/yaml; charset=utf-8", "This document.", "openapi: 3.1.0\n")
    }).annotateMerge(
      documented({
        id: "getOpenApiYaml",
        summary: "This document, as YAML",
        description: "The same document as `/api/schema`, for people and for tools that read YAML."
      })
    ),
    HttpApiEndpoint.get("asyncApiJson", "/api/asyncapi", {
      success: jsonDocument("The AsyncAPI document.", { asyncapi: "3.0.0", info, channels: {}, operations: {} })
    }).annotateMerge(
      documented({
        id: "getAsyncApiJson",
        summary: "The messages over RabbitMQ, as JSON",
        description:
          "The AsyncAPI 3.0 document of what the service publishes to RabbitMQ and takes in from there. It is made of the same " +
          "schemas that messages are written and read with; `/api/docs/asyncapi` shows it as a page."
      })
    )
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Documents",
      description:
        "Keys, metrics and the documentation for machines. For people it starts at `/api/docs`: `/api/docs/swagger` and " +
        "`/api/docs/redoc` show this document as a page."
    })
  ) {}
