import { useState } from "react"
import type { ApiFailure } from "../api/ApiFailure.ts"
import { errorsOf } from "./States.tsx"

interface Changes {
  readonly failure: ApiFailure | null
  readonly names: ReadonlyArray<string>
}

/**
 * The problems of the fields of a form, as it takes them, without those of fields whose values have changed since. By itself a form
 * keeps them until the field loses the focus, so the button below moves away under the pointer that presses it. Forms also need the
 * validation behaviour "aria", since by default they do not submit fields that had a problem.
 */
export const useFieldErrors = (failure: ApiFailure | null) => {
  const [changes, setChanges] = useState<Changes>({ failure: null, names: [] })
  const changed = changes.failure === failure ? changes.names : []
  return {
    errors: Object.fromEntries(Object.entries(errorsOf(failure)).filter(([name]) => !changed.includes(name))),
    /** Notes that the value of the field has changed. */
    noteChange: (name: string) => {
      if (failure !== null && !changed.includes(name)) setChanges({ failure, names: [...changed, name] })
    }
  }
}
