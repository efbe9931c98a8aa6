import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { wordsOf } from "@user-service/domain/Folders"
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Yaml from "yaml"

/** The file cannot be made or replaced. */
export class FileUnwritable extends Schema.TaggedError<FileUnwritable>()("FileUnwritable", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `Cannot write ${this.path}: ${this.problem}`
  }
}

const json = () => `${JSON.stringify(openApiDocument, undefined, 2)}\n`

// In full: aliases for what occurs twice are more than many tools read.
const yaml = () => Yaml.stringify(openApiDocument, { aliasDuplicateObjects: false })

const render = (path: string): string => (/\.ya?ml$/i.test(path) ? yaml() : json())

/** The document that the API serves at `/api/schema`. */
export const openApi = Command.make(
  "openapi",
  {
    file: Flag.File("file").pipe(
      Flag.withDescription("Where to write it: YAML where the name ends in .yml or .yaml, else JSON"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ file }) {
    if (Option.isNone(file)) return yield* Console.log(json().trimEnd())
    const files = yield* FileSystem.FileSystem
    const path = file.value
    yield* Effect.mapError(
      files.writeFileString(path, render(path)),
      (error) => new FileUnwritable({ path, problem: wordsOf(error) })
    )
    yield* Console.log(`Wrote ${path}`)
  })
).pipe(
  Command.withDescription("Writes the OpenAPI 3.1 document of the HTTP API, as JSON to standard output or to a file."),
  Command.withShortDescription("Write the OpenAPI document"),
  Command.withExamples([{ command: "cli openapi --file schema.yml", description: "Write it as YAML" }])
)
