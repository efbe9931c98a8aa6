import { Effect, FileSystem, type PlatformError, Predicate } from "effect"

/**
 * Makes the folder, and its parents where they are missing, one after the other, each for its owner only (mode 0700). A recursive `makeDirectory` would never end
 * where the system says that a parent is missing and yet does not let it be made, as Linux does under `/proc`.
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

/** The system's own words for what failed, which name what it was asked to do. */
export const messageOf = ({ message, reason: { cause } }: PlatformError.PlatformError): string =>
  Predicate.isError(cause) ? cause.message : message
