import { useEffect } from "react"

/** Sets the title of the document. */
export const useTitle = (title: string): void => {
  useEffect(() => {
    document.title = `${title} · User Service console`
  }, [title])
}
