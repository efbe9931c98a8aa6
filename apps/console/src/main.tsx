import { QueryClientProvider } from "@tanstack/react-query"
import { RouterProvider } from "@tanstack/react-router"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { ApiFailure } from "./api/ApiFailure.ts"
import { queryClient, router } from "./Router.tsx"
import { watchAttention } from "./session/Attention.ts"
import { applyTheme } from "./shell/Theme.ts"

applyTheme()
watchAttention()

const root = document.querySelector("#root")
if (root !== null) {
  createRoot(root, {
    // A page shows the failures of the API, and they are no errors of the page.
    onCaughtError: (error) => {
      if (!(error instanceof ApiFailure)) reportError(error)
    }
  }).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>
  )
}
