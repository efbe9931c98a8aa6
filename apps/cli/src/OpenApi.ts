import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { wordsOf } from "@user-service/domain/Folders"
import { Console, Effect, FileSystem, Option, Schema } from "effect"
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

/** Prints the document, or writes it to a file. */
export const run = Effect.fnUntraced(function* ({ file }: { readonly file: Option.Option<string> }) {
  if (Option.isNone(file)) return yield* Console.log(json().trimEnd())
  const files = yield* FileSystem.FileSystem
  const path = file.value
  yield* Effect.mapError(
    files.writeFileString(path, render(path)),
    (error) => new FileUnwritable({ path, problem: wordsOf(error) })
  )
  yield* Console.log(`Wrote ${path}`)
})
