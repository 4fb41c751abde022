// Starts Swagger UI on the API's own description. A file of its own, because the page's
// Content-Security-Policy forbids scripts inside the page.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  // The public validator would be told of this API.
  validatorUrl: null,
  onComplete() {
    const title = document.querySelector(".info .title");
    if (title) document.title = `${title.firstChild.textContent.trim()}: API documentation`;
  },
});
