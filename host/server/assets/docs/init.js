// Starts Swagger UI with this API's OpenAPI document. A separate file, because the page's
// Content-Security-Policy forbids inline scripts.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  // Without this, Swagger UI would send this API's address to a public validator.
  validatorUrl: null,
  onComplete() {
    const title = document.querySelector(".info .title");
    if (title) document.title = `${title.firstChild.textContent.trim()}: API documentation`;
  },
});
