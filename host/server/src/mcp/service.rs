//! What the SDK asks for: who the service is, its tools, and calls of them.

use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::call::Call;
use super::{Mcp, notices};
use crate::problem::Problem;
use crate::surface::Surface;
use request::Revision;

/// The tools of the revision that one request begins on. Lives as long as the request.
pub(super) struct Tools {
    mcp: Arc<Mcp>,
    config: ServerConfig,
    revision: Arc<Revision>,
    surface: Arc<Surface>,
}

impl Tools {
    pub(super) fn new(mcp: Arc<Mcp>, revision: &Arc<Revision>, surface: &Arc<Surface>) -> Tools {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let description = &revision.description;
        let config = ServerConfig::new(capabilities)
            .with_server_info(Implementation::new(&description.name, &description.version))
            .with_instructions(&surface.toolbox(revision).instructions);
        Tools {
            mcp,
            config,
            revision: revision.clone(),
            surface: surface.clone(),
        }
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        self.config.clone()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if request.is_some_and(|request| request.cursor.is_some()) {
            let message = "the list of tools has one page: ask for it without a cursor";
            return Err(ErrorData::invalid_params(message, None));
        }
        let offered = self.surface.toolbox(&self.revision);
        let offered = offered.offered(self.mcp.is_read_only());
        let tools = offered.map(|entry| entry.listed.clone()).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let toolbox = self.surface.toolbox(&self.revision);
        let mut offered = toolbox.offered(self.mcp.is_read_only());
        let Some(entry) = offered.find(|entry| entry.tool.name == request.name) else {
            let message = format!(
                "there is no tool {}: ask for the list of tools again",
                request.name
            );
            return Err(ErrorData::invalid_params(message, None));
        };
        let parts = parts(&context)?;
        let call = Call {
            entry,
            parts,
            meta: &context.meta,
            operations: &self.mcp.operations,
            client_header: &self.mcp.app.config.client_header,
        };
        tokio::select! {
            result = call.run(request.arguments.unwrap_or_default()) => Ok(result.into()),
            // The agent is gone, or no longer wants the answer. What was not committed is rolled back.
            () = context.ct.cancelled() => Err(ErrorData::internal_error("the call was cancelled", None)),
        }
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let changes = SubscriptionFilter::builder().tools_list_changed().build();
        Some(requested.intersection(&changes))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let Some(_held) = self.mcp.place() else {
            let message = Problem::too_many_mcp_streams().sentence();
            return Err(ErrorData::internal_error(message, None));
        };
        let parts = parts(context.request_context())?;
        let mut changes = notices::Changes::of(&self.mcp, parts);
        tokio::select! {
            () = context.cancelled() => {}
            () = self.mcp.app.readiness.clone().until_withdrawn() => {}
            () = async {
                // Ends with the connection.
                while changes.next(&self.mcp, parts).await.is_some()
                    && context.sink().notify_tool_list_changed().await.is_ok() {}
            } => {}
        }
        Ok(())
    }

    async fn on_initialized(&self, _: NotificationContext<RoleServer>) {}
}

/// The HTTP request that brought a message.
fn parts(context: &RequestContext<RoleServer>) -> Result<&Parts, ErrorData> {
    let parts = context.extensions.get();
    parts.ok_or_else(|| ErrorData::internal_error("the request has no head", None))
}
