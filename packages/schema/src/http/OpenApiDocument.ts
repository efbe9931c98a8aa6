import { Context, type JsonSchema, Predicate, Record, type Schema } from "effect"
import { HttpApi, OpenApi } from "effect/http-api"
import { RequestExample } from "./OperationDescription.ts"
import { AllRoutesApi } from "./AllRoutesApi.ts"
import { headerRefs, headers, parameterRef, parameters, type Ref, securitySchemes } from "./OpenApiComponents.ts"
import {
  failureHeaders,
  failureRef,
  type FailureResponse,
  failureResponses,
  failuresOf,
  type Fallible
} from "./OpenApiFailures.ts"
import { simplify } from "./OpenApiSchemas.ts"
import { IsProbe } from "./RouteFacts.ts"

type Content = Readonly<Record<string, { readonly schema: JsonSchema.JsonSchema; readonly example: unknown }>>

interface InlineResponse {
  readonly description: string
  readonly headers: Readonly<Record<string, Ref>>
  readonly content?: Content
}

interface RequestBody {
  readonly content: Content
  readonly required: boolean
}

interface Operation extends Omit<OpenApi.OpenAPISpecOperation, "parameters" | "requestBody" | "responses"> {
  readonly parameters: ReadonlyArray<OpenApi.OpenAPISpecParameter | Ref>
  readonly requestBody?: RequestBody
  readonly responses: Readonly<Record<string, InlineResponse | Ref>>
}

/** The library's document, with shared headers, parameters and responses under `components`. */
interface Document extends Omit<OpenApi.OpenAPISpec, "components" | "info" | "paths"> {
  readonly info: OpenApi.OpenAPISpecInfo & { readonly contact: { readonly name: string } }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: OpenApi.OpenAPIComponents & {
    readonly headers: typeof headers
    readonly parameters: typeof parameters
    readonly responses: Readonly<Record<string, FailureResponse>>
  }
}

// The facts of an endpoint that the library does not put into the document.
interface EndpointFacts extends Fallible {
  readonly example: Schema.Json | undefined
}

const noFacts: EndpointFacts = { errors: new Map(), isProbe: false, example: undefined }

const factsByOperation = (): ReadonlyMap<string, EndpointFacts> => {
  const facts = new Map<string, EndpointFacts>()
  HttpApi.reflect(AllRoutesApi, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint, errors, mergedAnnotations }) => {
      const id = Context.getOrElse(endpoint.annotations, OpenApi.Identifier, () => endpoint.identifier)
      facts.set(id, {
        errors,
        isProbe: Context.get(mergedAnnotations, IsProbe),
        example: Context.get(endpoint.annotations, RequestExample)
      })
    }
  })
  return facts
}

const methods = ["get", "put", "post", "patch", "delete"] as const

const firstExample = (schema: JsonSchema.JsonSchema | undefined): unknown =>
  Array.isArray(schema?.["examples"]) ? schema["examples"][0] : undefined

const nameOfRef = (ref: string): string => ref.slice(ref.lastIndexOf("/") + 1)

// A JSON body that may be null is optional.
const requestBody = ({ content }: OpenApi.OpenAPISpecRequestBody, example: Schema.Json | undefined): RequestBody => {
  const form = content["application/x-www-form-urlencoded"]
  if (form !== undefined) {
    const body = { schema: form.schema, example }
    // Every form is read in both media types.
    return { content: { "application/x-www-form-urlencoded": body, "multipart/form-data": body }, required: true }
  }
  const schema = content["application/json"]?.schema ?? {}
  const [some = schema, none]: ReadonlyArray<JsonSchema.JsonSchema> = Array.isArray(schema["anyOf"])
    ? schema["anyOf"]
    : [schema]
  return { content: { "application/json": { schema: some, example } }, required: none === undefined }
}

// A page declares all of its failures, because they are HTML too.
const isPage = ({ responses }: OpenApi.OpenAPISpecOperation): boolean =>
  Object.keys(responses["200"]?.content ?? {}).some((type) => type.startsWith("text/html"))

// Moves the example of a schema next to it, where all tools find it.
const response = (
  status: string,
  { content, description, headers }: OpenApi.OpenApiSpecResponse,
  schemas: JsonSchema.Definitions
): InlineResponse => ({
  description,
  headers: headerRefs([...Object.keys(headers ?? {}), ...failureHeaders(status), "X-Request-Id"]),
  ...(content === undefined
    ? {}
    : {
        content: Record.map(content, ({ schema: { examples, ...schema } }) => ({
          schema,
          example: firstExample(Predicate.isString(schema.$ref) ? schemas[nameOfRef(schema.$ref)] : { examples })
        }))
      })
})

// Moves the description of a schema next to it, where all tools find it.
const withDescription = (parameter: OpenApi.OpenAPISpecParameter): OpenApi.OpenAPISpecParameter => {
  const { description, ...schema }: { readonly description?: unknown } = parameter.schema
  return Predicate.isString(description) ? { ...parameter, description, schema } : parameter
}

// Scheme names are case-insensitive (RFC 9110, section 11.1), but linters and generators expect the registered spelling.
const withLowerCaseScheme = (scheme: OpenApi.OpenAPISecurityScheme): OpenApi.OpenAPISecurityScheme =>
  scheme.type === "http" ? { ...scheme, scheme: scheme.scheme.toLowerCase() } : scheme

const completeDocument = (spec: OpenApi.OpenAPISpec): Document => {
  simplify(spec)
  const endpointFacts = factsByOperation()
  const factsOf = (operation: OpenApi.OpenAPISpecOperation) => endpointFacts.get(operation.operationId) ?? noFacts
  const failuresBy = (operation: OpenApi.OpenAPISpecOperation) =>
    isPage(operation) ? [] : failuresOf(operation, factsOf(operation))

  const completeOperation = (operation: OpenApi.OpenAPISpecOperation): Operation => {
    const { requestBody: body, responses, ...rest } = operation
    return {
      ...rest,
      parameters: rest.parameters
        // OpenAPI describes this header as a security requirement.
        .filter(({ name }) => name !== "authorization")
        .map((parameter) => parameterRef(parameter.name) ?? withDescription(parameter)),
      ...(body === undefined ? {} : { requestBody: requestBody(body, factsOf(operation).example) }),
      responses: Object.fromEntries([
        ...Object.entries(responses)
          .filter(([status]) => Number(status) < 400 || isPage(operation))
          .map(([status, declared]) => [status, response(status, declared, spec.components.schemas)]),
        ...failuresBy(operation).map((failures) => [failures.status, failureRef(failures)])
      ])
    }
  }

  const operations = Object.values(spec.paths).flatMap((item) => methods.flatMap((method) => item[method] ?? []))
  return {
    ...spec,
    // The document is the same for all installations, so it has no address.
    info: { ...spec.info, contact: { name: "The operators of this service" } },
    paths: Record.map(spec.paths, (item) =>
      Object.fromEntries(methods.flatMap((method) => (item[method] ? [[method, completeOperation(item[method])]] : [])))
    ),
    components: {
      ...spec.components,
      securitySchemes: { ...Record.map(spec.components.securitySchemes, withLowerCaseScheme), ...securitySchemes },
      headers,
      parameters,
      responses: failureResponses(operations.flatMap(failuresBy))
    }
  }
}

/** The HTTP API as an OpenAPI 3.1 document. */
export const openApiDocument = completeDocument(
  OpenApi.fromApi(AllRoutesApi, {
    // Envelopes are inlined; the schemas of their data are components.
    referencePolicy: ({ identifier }) => (identifier?.endsWith("Encoded") === true ? undefined : identifier)
  })
)
