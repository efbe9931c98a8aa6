import { Data, Effect, Option } from "effect"
import { HttpClientResponse } from "effect/http"
import { api, run } from "../api/Client.ts"
import { type AuditLinkSearch, selectionOf } from "./AuditLogQuery.ts"

type FilePicker = (options: { readonly suggestedName: string }) => Promise<SavedFile>

interface SavedFile extends FileSystemFileHandle {
  readonly remove?: () => Promise<void>
}

// Not in all browsers, so not in TypeScript's declarations.
declare global {
  interface Window {
    readonly showSaveFilePicker?: FilePicker
  }
}

const suggestedName = "audit-log.ndjson"

class NoBody extends Data.TaggedError("NoBody") {}

// Without decoding it, since an export may be larger than the memory. A plain link to it would not send the header of the console.
const open = (filter: AuditLinkSearch): Promise<Response> =>
  run(
    selectionOf(filter).pipe(
      Effect.flatMap((query) => api["admin-audit"].export({ query, responseMode: "response-only" })),
      Effect.flatMap((response) =>
        Option.match(HttpClientResponse.toWeb(response), {
          onNone: () => Effect.fail(new NoBody()),
          onSome: Effect.succeed
        })
      )
    )
  )

/** Asks for a file, or undefined if the member of staff chose none. */
const chooseFile = async (showSaveFilePicker: FilePicker) => {
  try {
    return await showSaveFilePicker({ suggestedName })
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined
    throw error
  }
}

/** Deletes the file if the browser created it for the choice: such a file is empty. Another one has still its old content. */
const deleteIfEmpty = async (file: SavedFile): Promise<void> => {
  if ((await file.getFile()).size === 0) await file.remove?.()
}

// The browser changes the file only when all of the content has come.
const writeTo = async (file: SavedFile, filter: AuditLinkSearch): Promise<number> => {
  try {
    const { body } = await open(filter)
    await body?.pipeTo(await file.createWritable())
    return (await file.getFile()).size
  } catch (error) {
    // Reported and not thrown: it would hide why the export failed.
    await deleteIfEmpty(file).catch(reportError)
    throw error
  }
}

const download = (content: Blob): void => {
  const url = URL.createObjectURL(content)
  const link = document.createElement("a")
  link.href = url
  link.download = suggestedName
  link.click()
  URL.revokeObjectURL(url)
}

/**
 * Writes all selected entries into a file, as JSON in lines, and returns its size in bytes, or undefined if no file was chosen. Rejects
 * if the export is not completed, and then leaves no new file, and an existing one as it was: one with a part of the entries would look
 * complete. Browsers that cannot write into a file keep the entries themselves until all have come.
 */
export const exportAuditLog = async (filter: AuditLinkSearch): Promise<number | undefined> => {
  const { showSaveFilePicker } = window
  if (showSaveFilePicker === undefined) {
    const content = await (await open(filter)).blob()
    download(content)
    return content.size
  }
  // Before the request: browsers show the choice only within some seconds after the click.
  const file = await chooseFile(showSaveFilePicker)
  return file === undefined ? undefined : writeTo(file, filter)
}
