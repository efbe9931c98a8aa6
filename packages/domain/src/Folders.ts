import { Effect, FileSystem, type PlatformError, Predicate } from "effect"

/**
 * Creates the folder and its missing parents one by one, with mode 0700. A recursive `makeDirectory` loops forever where the system
 * reports a missing parent but does not allow creating it, as Linux does under `/proc`.
 */
export const makeFolder = (path: string): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (files) => make(files, path))

const make = (files: FileSystem.FileSystem, path: string): Effect.Effect<void, PlatformError.PlatformError> => {
  const own = Effect.catch(files.makeDirectory(path, { mode: 0o700 }), (error) =>
    error.reason._tag === "AlreadyExists" ? failUnlessFolder(files, path, error) : Effect.fail(error)
  )
  const parent = parentOf(path)
  return Effect.catch(own, (error) =>
    error.reason._tag === "NotFound" && parent !== undefined
      ? Effect.andThen(make(files, parent), own)
      : Effect.fail(error)
  )
}

const failUnlessFolder = (files: FileSystem.FileSystem, path: string, error: PlatformError.PlatformError) =>
  Effect.flatMap(files.stat(path), ({ type }) => (type === "Directory" ? Effect.void : Effect.fail(error)))

const parentOf = (path: string): string | undefined => /^(.*[^\\/])[\\/]+[^\\/]+[\\/]*$/s.exec(path)?.[1]

/** The system's message, which names the failed operation. */
export const messageOf = ({ message, reason: { cause } }: PlatformError.PlatformError): string =>
  Predicate.isError(cause) ? cause.message : message
