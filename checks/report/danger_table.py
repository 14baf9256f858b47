"""The tables behind a report's danger marks. They are only data: anybody can extend them without reading code.

Most entries are Terraform resource types. The keys of `STATEFUL` are texts for reviewers: a change that destroys or
replaces a resource of such a type is marked with its key, for example "database".
"""

STATEFUL: dict[str, tuple[str, ...]] = {
    "database": (
        "aws_db_instance", "aws_db_cluster_snapshot", "aws_db_snapshot", "aws_rds_cluster",
        "aws_rds_cluster_instance", "aws_rds_global_cluster", "aws_docdb_cluster", "aws_docdb_cluster_instance",
        "aws_docdb_global_cluster", "aws_docdbelastic_cluster", "aws_dsql_cluster", "aws_dynamodb_table",
        "aws_dynamodb_table_item", "aws_dynamodb_global_table", "aws_dynamodb_table_replica",
        "aws_elasticache_cluster", "aws_elasticache_replication_group", "aws_elasticache_serverless_cache",
        "aws_elasticache_global_replication_group", "aws_elasticsearch_domain", "aws_opensearch_domain",
        "aws_opensearchserverless_collection", "aws_keyspaces_keyspace", "aws_keyspaces_table",
        "aws_lightsail_database", "aws_memorydb_cluster", "aws_neptune_cluster", "aws_neptune_cluster_instance",
        "aws_neptune_global_cluster", "aws_neptunegraph_graph", "aws_qldb_ledger", "aws_redshift_cluster",
        "aws_redshiftserverless_namespace", "aws_simpledb_domain", "aws_timestreamwrite_database",
        "aws_timestreamwrite_table", "aws_timestreaminfluxdb_db_instance", "google_alloydb_cluster",
        "google_alloydb_instance", "google_bigquery_dataset", "google_bigquery_table", "google_bigtable_instance",
        "google_bigtable_table", "google_datastore_index", "google_firestore_database", "google_memcache_instance",
        "google_redis_cluster", "google_redis_instance", "google_spanner_database", "google_spanner_instance",
        "google_sql_database", "google_sql_database_instance", "google_firebase_database_instance",
        "azurerm_cosmosdb_account", "azurerm_cosmosdb_cassandra_keyspace", "azurerm_cosmosdb_cassandra_table",
        "azurerm_cosmosdb_gremlin_database", "azurerm_cosmosdb_gremlin_graph", "azurerm_cosmosdb_mongo_collection",
        "azurerm_cosmosdb_mongo_database", "azurerm_cosmosdb_postgresql_cluster", "azurerm_cosmosdb_sql_container",
        "azurerm_cosmosdb_sql_database", "azurerm_cosmosdb_table", "azurerm_kusto_cluster", "azurerm_kusto_database",
        "azurerm_managed_redis", "azurerm_mariadb_database", "azurerm_mariadb_server", "azurerm_mssql_database",
        "azurerm_mssql_elasticpool", "azurerm_mssql_managed_database", "azurerm_mssql_managed_instance",
        "azurerm_mssql_server", "azurerm_mysql_database", "azurerm_mysql_flexible_database",
        "azurerm_mysql_flexible_server", "azurerm_mysql_server", "azurerm_postgresql_database",
        "azurerm_postgresql_flexible_server", "azurerm_postgresql_flexible_server_database",
        "azurerm_postgresql_server", "azurerm_redis_cache", "azurerm_redis_enterprise_cluster",
        "azurerm_redis_enterprise_database", "azurerm_search_service", "azurerm_sql_database", "azurerm_sql_server",
        "azurerm_storage_table", "azurerm_synapse_sql_pool", "azurerm_synapse_workspace",
        "digitalocean_database_cluster", "digitalocean_database_db", "linode_database_mysql_v2",
        "linode_database_postgresql_v2", "mongodbatlas_cluster", "mongodbatlas_advanced_cluster",
        "mongodbatlas_serverless_instance", "mysql_database", "oci_database_autonomous_database",
        "oci_database_db_system", "oci_mysql_mysql_db_system", "postgresql_database", "postgresql_schema",
        "scaleway_rdb_database", "scaleway_rdb_instance", "snowflake_database", "snowflake_schema",
        "snowflake_table", "elasticstack_elasticsearch_index", "influxdb-v2_bucket", "cloudflare_d1_database",
        "cloudflare_workers_kv_namespace", "aiven_pg", "aiven_mysql", "aiven_redis", "aiven_opensearch",
        "confluent_kafka_topic", "databricks_schema", "databricks_catalog", "neon_project", "planetscale_database",
        "supabase_project",
    ),
    "bucket": (
        "aws_s3_bucket", "aws_s3_directory_bucket", "aws_s3tables_table_bucket", "aws_s3tables_table",
        "aws_s3_object", "aws_s3control_bucket", "aws_lightsail_bucket", "aws_glacier_vault",
        "google_storage_bucket", "google_storage_bucket_object", "google_storage_managed_folder",
        "azurerm_storage_account", "azurerm_storage_blob", "azurerm_storage_container",
        "azurerm_storage_data_lake_gen2_filesystem", "cloudflare_r2_bucket", "digitalocean_spaces_bucket",
        "linode_object_storage_bucket", "minio_s3_bucket", "oci_objectstorage_bucket", "scaleway_object_bucket",
        "b2_bucket", "hcloud_storage_box",
    ),
    "volume": (
        "aws_ebs_volume", "aws_ebs_snapshot", "aws_efs_file_system", "aws_fsx_lustre_file_system",
        "aws_fsx_ontap_file_system", "aws_fsx_ontap_volume", "aws_fsx_openzfs_file_system", "aws_fsx_openzfs_volume",
        "aws_fsx_windows_file_system", "aws_lightsail_disk", "aws_storagegateway_gateway", "aws_volume_attachment",
        "google_compute_disk", "google_compute_region_disk", "google_compute_snapshot", "google_filestore_instance",
        "google_netapp_volume", "azurerm_managed_disk", "azurerm_netapp_volume", "azurerm_snapshot",
        "azurerm_storage_share", "azurerm_elastic_san_volume", "digitalocean_volume", "hcloud_volume",
        "kubernetes_persistent_volume", "kubernetes_persistent_volume_claim",
        "kubernetes_persistent_volume_claim_v1", "kubernetes_persistent_volume_v1", "linode_volume",
        "oci_core_volume", "oci_file_storage_file_system", "openstack_blockstorage_volume_v3",
        "proxmox_virtual_environment_file", "scaleway_block_volume", "vsphere_virtual_disk", "docker_volume",
    ),
    "key": (
        "aws_kms_key", "aws_kms_replica_key", "aws_kms_external_key", "aws_cloudhsm_v2_cluster", "aws_key_pair",
        "aws_acmpca_certificate_authority", "aws_payment_cryptography_key", "google_kms_crypto_key",
        "google_kms_crypto_key_version", "google_kms_key_ring", "google_privateca_certificate_authority",
        "google_service_account_key", "azurerm_key_vault", "azurerm_key_vault_certificate", "azurerm_key_vault_key",
        "azurerm_key_vault_managed_hardware_security_module", "azurerm_disk_encryption_set", "random_password",
        "random_bytes", "tls_private_key", "tls_self_signed_cert", "oci_kms_key", "oci_kms_vault",
        "vault_transit_secret_backend_key", "vault_pki_secret_backend_root_cert",
    ),
    "secret": (
        "aws_secretsmanager_secret", "aws_secretsmanager_secret_version", "aws_ssm_parameter",
        "google_secret_manager_secret", "google_secret_manager_secret_version", "azurerm_key_vault_secret",
        "azurerm_app_configuration", "kubernetes_secret", "kubernetes_secret_v1", "vault_generic_secret",
        "vault_kv_secret", "vault_kv_secret_v2", "vault_mount", "github_actions_secret",
    ),
    "DNS zone": (
        "aws_route53_zone", "aws_service_discovery_private_dns_namespace",
        "aws_service_discovery_public_dns_namespace", "aws_lightsail_domain", "aws_route53domains_registered_domain",
        "aws_route53domains_domain", "google_dns_managed_zone", "azurerm_dns_zone", "azurerm_private_dns_zone",
        "cloudflare_zone", "digitalocean_domain", "dnsimple_zone", "gandi_domain", "hetznerdns_zone", "hcloud_zone",
        "linode_domain", "ns1_zone", "oci_dns_zone", "powerdns_zone",
    ),
    "identities": (
        "aws_cognito_user_pool", "aws_cognito_identity_pool", "aws_directory_service_directory",
        "aws_identitystore_user", "azurerm_aadb2c_directory", "azurerm_active_directory_domain_service",
        "google_identity_platform_tenant", "auth0_tenant", "auth0_connection", "okta_user",
    ),
    "queue or stream": (
        "aws_kinesis_stream", "aws_kinesis_video_stream", "aws_mq_broker", "aws_msk_cluster",
        "aws_msk_serverless_cluster", "aws_sqs_queue", "google_pubsub_subscription", "google_pubsub_topic",
        "google_managed_kafka_cluster", "azurerm_eventhub", "azurerm_eventhub_namespace",
        "azurerm_servicebus_namespace", "azurerm_servicebus_queue", "azurerm_servicebus_topic",
        "azurerm_storage_queue", "confluent_kafka_cluster", "kafka_topic", "rabbitmq_queue",
    ),
    "logs": (
        "aws_cloudtrail", "aws_cloudwatch_log_group", "aws_cloudtrail_event_data_store",
        "google_logging_project_bucket_config", "azurerm_log_analytics_workspace", "azurerm_application_insights",
        "azurerm_monitor_workspace", "aws_prometheus_workspace",
    ),
    "images": (
        "aws_ami", "aws_ecr_repository", "aws_ecrpublic_repository", "aws_codeartifact_repository",
        "aws_codecommit_repository", "google_artifact_registry_repository", "google_container_registry",
        "azurerm_container_registry", "google_compute_image", "azurerm_shared_image_gallery", "azurerm_image",
        "digitalocean_container_registry", "github_repository", "gitlab_project",
    ),
    "backups": (
        "aws_backup_vault", "aws_backup_logically_air_gapped_vault", "google_gke_backup_backup_plan",
        "google_backup_dr_backup_vault", "azurerm_backup_vault", "azurerm_data_protection_backup_vault",
        "azurerm_recovery_services_vault",
    ),
    "cluster": (
        "aws_eks_cluster", "aws_emr_cluster", "google_container_cluster", "azurerm_kubernetes_cluster",
        "digitalocean_kubernetes_cluster", "linode_lke_cluster", "kubernetes_stateful_set",
        "kubernetes_stateful_set_v1", "kubernetes_namespace", "kubernetes_namespace_v1",
        "oci_containerengine_cluster", "scaleway_k8s_cluster", "helm_release",
    ),
    "fixed address": (
        "aws_eip", "google_compute_address", "google_compute_global_address", "azurerm_public_ip", "hcloud_primary_ip",
    ),
    "machine": (
        "aws_instance", "aws_lightsail_instance", "google_compute_instance", "azurerm_linux_virtual_machine",
        "azurerm_virtual_machine", "azurerm_windows_virtual_machine", "digitalocean_droplet", "hcloud_server",
        "linode_instance", "openstack_compute_instance_v2", "vsphere_virtual_machine",
        "proxmox_virtual_environment_vm",
    ),
    "project or account": (
        "aws_organizations_account", "aws_organizations_organization", "google_project", "google_folder",
        "azurerm_subscription", "azurerm_resource_group", "azurerm_management_group", "cloudflare_account",
    ),
}  # fmt: skip
"""Resource types whose destruction or replacement means lost data or an outage, by the kind of thing that is lost."""

IAM_PREFIXES: tuple[str, ...] = (
    "aws_iam_", "aws_organizations_policy", "aws_ssoadmin_", "aws_identitystore_", "aws_verifiedaccess_",
    "aws_rolesanywhere_", "google_iam_", "google_service_account", "google_project_iam", "google_folder_iam",
    "google_organization_iam", "azuread_", "azurerm_role_", "azurerm_user_assigned_identity",
    "azurerm_federated_identity_credential", "azurerm_policy_", "kubernetes_role", "kubernetes_cluster_role",
    "kubernetes_service_account", "vault_policy", "vault_identity_", "okta_", "auth0_role", "github_team",
    "github_membership", "github_repository_collaborator", "oci_identity_", "postgresql_grant", "postgresql_role",
    "mysql_grant", "mysql_user", "snowflake_grant", "snowflake_role",
)  # fmt: skip
IAM_SUFFIXES: tuple[str, ...] = (
    "_iam_binding", "_iam_member", "_iam_policy", "_bucket_policy", "_key_policy", "_kms_grant", "_queue_policy",
    "_topic_policy", "_repository_policy", "_secret_policy", "_lambda_permission", "_access_entry",
    "_access_policy_association", "_role_assignment", "_role_binding", "_access_policy", "_resource_policy",
    "_vault_policy", "_registry_policy", "_grants",
)  # fmt: skip
IAM_ATTRIBUTES: frozenset[str] = frozenset({
    "assume_role_policy", "inline_policy", "managed_policy_arns", "permissions_boundary", "iam_instance_profile",
    "role_arn", "execution_role_arn", "task_role_arn", "service_account", "iam_role", "iam_roles", "trust_policy",
})  # fmt: skip
"""Attributes that grant permissions, for any type."""

NETWORK_TYPES: frozenset[str] = frozenset({
    "aws_security_group", "aws_security_group_rule", "aws_vpc_security_group_ingress_rule",
    "aws_vpc_security_group_egress_rule", "aws_default_security_group", "aws_network_acl", "aws_network_acl_rule",
    "aws_default_network_acl", "aws_route", "aws_route_table", "aws_internet_gateway", "aws_vpc_peering_connection",
    "aws_lb_listener", "aws_alb_listener", "aws_networkfirewall_rule_group", "aws_networkfirewall_policy",
    "aws_wafv2_web_acl", "aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block",
    "aws_s3_bucket_acl", "aws_vpn_connection", "aws_ec2_transit_gateway_route", "aws_lambda_function_url",
    "google_compute_firewall", "google_compute_firewall_policy_rule", "google_compute_route",
    "google_compute_security_policy", "google_compute_network_peering", "google_compute_forwarding_rule",
    "google_compute_global_forwarding_rule", "google_storage_default_object_acl",
    "google_storage_bucket_access_control", "google_vpc_access_connector", "azurerm_network_security_group",
    "azurerm_network_security_rule", "azurerm_firewall_policy_rule_collection_group",
    "azurerm_firewall_network_rule_collection", "azurerm_firewall_application_rule_collection", "azurerm_route",
    "azurerm_route_table", "azurerm_virtual_network_peering", "azurerm_mssql_firewall_rule",
    "azurerm_sql_firewall_rule", "azurerm_postgresql_firewall_rule",
    "azurerm_postgresql_flexible_server_firewall_rule", "azurerm_mysql_firewall_rule",
    "azurerm_mysql_flexible_server_firewall_rule", "azurerm_redis_firewall_rule",
    "azurerm_storage_account_network_rules", "cloudflare_ruleset", "cloudflare_firewall_rule",
    "cloudflare_access_policy", "digitalocean_firewall", "hcloud_firewall", "kubernetes_ingress",
    "kubernetes_ingress_v1", "kubernetes_network_policy", "kubernetes_network_policy_v1", "linode_firewall",
    "oci_core_security_list", "oci_core_network_security_group_security_rule",
    "openstack_networking_secgroup_rule_v2",
})  # fmt: skip

WORLD: frozenset[str] = frozenset({
    "0.0.0.0/0", "0.0.0.0-255.255.255.255", "::/0", "*", "Internet", "allUsers", "allAuthenticatedUsers", "public-read",
    "public-read-write", "Public",
})  # fmt: skip
"""Values that mean everybody, in an attribute whose name is about access."""
WORLD_ATTRIBUTES: frozenset[str] = frozenset({
    "cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6", "cidr_block", "ipv6_cidr_block", "source_ranges",
    "source_address_prefix", "source_address_prefixes", "source_addresses", "acl", "member", "members",
    "authorized_networks", "public_access_cidrs", "start_ip_address", "ip_rules", "source_cidr", "source_ips",
    "allowed_cidr_blocks", "ip_range", "container_access_type", "principal", "inbound_cidrs", "cidr",
})  # fmt: skip
EXPOSING: dict[str, tuple[str, ...]] = {
    "publicly_accessible": ("true",), "public_network_access_enabled": ("true",), "endpoint_public_access": ("true",),
    "associate_public_ip_address": ("true",), "map_public_ip_on_launch": ("true",), "block_public_acls": ("false",),
    "block_public_policy": ("false",), "ignore_public_acls": ("false",), "restrict_public_buckets": ("false",),
    "allow_nested_items_to_be_public": ("true",), "allow_blob_public_access": ("true",),
    "public_access_prevention": ('"inherited"', '"unspecified"'), "authorization_type": ('"NONE"',),
    "enable_public_fqdn": ("true",), "visibility": ('"public"', '"PUBLIC"'), "visibility_level": ('"public"',),
    "is_public": ("true",), "public_access": ("true",), "enable_public_access": ("true",),
    "public_network_access": ('"Enabled"',), "anonymous_access": ("true",), "allow_unauthenticated": ("true",),
}  # fmt: skip
"""Attributes that can open something to the world, each with the values that do so."""

EXPOSING_OF_TYPE: dict[tuple[str, str], tuple[str, ...]] = {
    ("github_repository", "private"): ("false",), ("bitbucket_repository", "is_private"): ("false",),
    ("gitea_repository", "private"): ("false",), ("dockerhub_repository", "private"): ("false",),
    ("harbor_project", "public"): ('"true"', "true"), ("aws_ami_launch_permission", "group"): ('"all"',),
}  # fmt: skip
"""The same for attributes whose name is too general without the type."""

ALL_RIGHTS: frozenset[str] = frozenset({
    "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/IAMFullAccess",
    "arn:aws-us-gov:iam::aws:policy/AdministratorAccess", "arn:aws-cn:iam::aws:policy/AdministratorAccess",
    "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", "roles/owner", "roles/editor",
    "roles/resourcemanager.organizationAdmin", "roles/iam.securityAdmin", "Owner", "User Access Administrator",
    "cluster-admin", "system:masters",
})  # fmt: skip
"""Predefined roles and policies that allow everything, or every change to permissions."""

UNPROTECTING: dict[str, str] = {
    "deletion_protection": "false", "deletion_protection_enabled": "false", "prevent_destroy": "false",
    "force_destroy": "true", "skip_final_snapshot": "true", "termination_protection": "false",
    "disable_api_termination": "false", "storage_encrypted": "false", "encrypted": "false",
    "backup_retention_period": "0", "purge_protection_enabled": "false", "enable_key_rotation": "false",
    "enable_deletion_protection": "false", "point_in_time_recovery_enabled": "false", "versioning_enabled": "false",
    "soft_delete_enabled": "false", "apply_immediately": "true", "force_delete": "true",
}  # fmt: skip
"""Attributes that can remove a safeguard, each with the value that does so."""

MIRRORS: dict[str, str] = {
    "tags_all": "tags", "terraform_labels": "labels", "effective_labels": "labels",
    "effective_annotations": "annotations",
}  # fmt: skip
"""Computed attributes, each with the attribute that it repeats: it is shown only if the two differ."""

TAGS: frozenset[str] = frozenset({
    "tags", "tags_all", "tag", "labels", "user_labels", "resource_labels", "terraform_labels", "effective_labels",
    "freeform_tags", "defined_tags", "volume_tags", "default_tags",
})  # fmt: skip
STAMPS: frozenset[str] = frozenset({
    "etag", "fingerprint", "label_fingerprint", "tags_fingerprint", "metadata_fingerprint", "last_modified",
    "last_modified_date", "last_modified_time", "last_update_time", "last_updated", "last_updated_date",
    "last_updated_time", "modified_time", "update_time", "updated_at", "updated_on", "modified_on",
    "modification_time", "latest_version", "resource_version", "generation", "metageneration", "version_stamp",
})  # fmt: skip
"""Attributes with the time or version of the last write, which need no review."""

WIPES: dict[str, str] = {
    "rm": r"\brm\s{1,9}(?:-[\w-]{1,40}\s{1,9}){0,9}-(?:[a-zA-Z]{0,9}[rR][a-zA-Z]{0,9}|-recursive)\s{1,9}"
    r"(?:-[\w-]{1,40}\s{1,9}){0,9}(?!SCRATCH)",
    "-delete": r"\bfind\s.{0,200}\s-delete\b", "wipefs": r"\bwipefs\b", "mkfs": r"\bmkfs(?:\.\w+)?\s",
    "shred": r"\bshred\s", "blkdiscard": r"\bblkdiscard\b", "of=/dev/": r"\bdd\s.{0,200}\bof=/dev/(?!null)",
    "sgdisk": r"\bsgdisk\s.{0,200}(?:-Z|--zap-all)\b", "mklabel": r"\bparted\s.{0,200}\bmklabel\b",
    "cryptsetup": r"\bcryptsetup\s+(?:erase|luksFormat)\b", "zpool": r"\bzpool\s+destroy\b",
    "lvremove": r"\blvremove\b", "vgremove": r"\bvgremove\b",
    "drop": r"(?i:\bdrop\s+(?:table|database|schema|tablespace|keyspace)\b)", "truncate": r"(?i:\btruncate\s+table\b)",
    "delete": r"(?i:\bdelete\s+from\s+[\w.]+\s*(?:;|\"|$))", "dropdatabase": r"\bdropDatabase\(",
    "flush": r"\bredis-cli\b.{0,200}\b(?i:flushall|flushdb)\b",
    "s3": r"\baws\s+s3\s+(?:rm\b.{0,200}--recursive|rb\b.{0,200}--force)\b",
    "gsutil": r"\bgsutil\s.{0,200}\brm\s+-[a-zA-Z]*r",
    "gcloud": r"\bgcloud\s+storage\s+rm\b.{0,200}\s(?:-r|--recursive)\b",
    "delete-batch": r"\baz\s+storage\s+\w+\s+delete-batch\b", "kubectl": r"\bkubectl\s+delete\b",
    "helm": r"\bhelm\s+(?:uninstall|delete)\b", "docker": r"\bdocker\s+(?:volume|system)\s+(?:rm|prune)\b",
    "destroy": r"\b(?:terraform|tofu)\s+(?:destroy|apply\s.{0,100}-destroy)\b",
    "remove-item": r"(?i:\bRemove-Item\b.{0,200}-Recurse\b)", "format-volume": r"(?i:\bFormat-Volume\b)",
    "clear-disk": r"(?i:\bClear-Disk\b)",
}  # fmt: skip
"""Commands and SQL that erase data, as regular expressions.

The keys make the search fast: a text that contains none of them, in upper or lower case, is not searched further. So
every match must contain its key. Keys are in lower case, and have no spaces: between two words of a command, there may
be several spaces, or tabs.

No expression may skip more than a few hundred arbitrary characters: the author of a plan decides how long its
lines are.
"""

SCRATCH = (
    r"[\"']?(?:/tmp/|/var/tmp/|/var/cache/|/var/lib/apt/lists|~/\.cache)"
    r"(?:(?!\.\.)[^\s;&|]){0,200}\s*(?:$|[;&|\\])"
)
"""Directories that scripts erase routinely: an `rm -rf` of only these is no danger."""
