package let probe = PackageResources.tickets_csv_yaml
