import { messageOf } from "@user-service/domain/Folders"
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import * as Yaml from "yaml"

/** The file cannot be written. */
export class FileUnwritable extends Schema.TaggedError<FileUnwritable>()("FileUnwritable", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `Cannot write ${this.path}: ${this.problem}`
  }
}

const json = (document: object) => `${JSON.stringify(document, undefined, 2)}\n`

// Without aliases for repeated values, which many tools cannot read.
const yaml = (document: object) => Yaml.stringify(document, { aliasDuplicateObjects: false })

const render = (document: object, path: string): string => (/\.ya?ml$/i.test(path) ? yaml(document) : json(document))

/** Prints the document, or writes it to a file. */
export const write = (document: object) =>
  Effect.fnUntraced(function* ({ file }: { readonly file: Option.Option<string> }) {
    if (Option.isNone(file)) return yield* Console.log(json(document).trimEnd())
    const files = yield* FileSystem.FileSystem
    const path = file.value
    yield* Effect.mapError(
      files.writeFileString(path, render(document, path)),
      (error) => new FileUnwritable({ path, problem: messageOf(error) })
    )
    yield* Console.log(`Wrote ${path}`)
  })
