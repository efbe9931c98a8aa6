import { Command, Flag } from "effect/cli"
import { load } from "./Program.ts"

const flags = {
  file: Flag.File("file").pipe(
    Flag.withDescription("The file to write: YAML if its name ends in .yml or .yaml, otherwise JSON"),
    Flag.optional
  )
}

/** The document that the API serves at `/api/schema`. */
export const openApi = Command.make(
  "openapi",
  flags,
  load(() => import("../OpenApi.ts"))
).pipe(
  Command.withDescription("Writes the OpenAPI 3.1 document of the HTTP API, as JSON to standard output or to a file."),
  Command.withShortDescription("Write the OpenAPI document"),
  Command.withExamples([{ command: "cli openapi --file schema.yml", description: "Write it as YAML" }])
)

/** The document that the API serves at `/api/asyncapi`. */
export const asyncApi = Command.make(
  "asyncapi",
  flags,
  load(() => import("../AsyncApi.ts"))
).pipe(
  Command.withDescription(
    "Writes the AsyncAPI 3.0 document of the messages over RabbitMQ, as JSON to standard output or to a file."
  ),
  Command.withShortDescription("Write the AsyncAPI document"),
  Command.withExamples([{ command: "cli asyncapi --file messages.yml", description: "Write it as YAML" }])
)
